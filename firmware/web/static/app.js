// The charger's page. MIT license; part of microevse
// Data from the charger is only ever put into the page as text.
'use strict';

const $ = (id) => document.getElementById(id);
const SILENCE_MS = 8000; // the charger says something every 5 s at least
const POLL_MS = 5000; // without live events
const EVENTS_RETRY_MS = 60000; // when the charger had no place for another follower
const FULL_SCALE_A = 32;

// status: [word, icon, tone]
const STATES = {
  available: ['Available', 'plug', 'ready'],
  preparing: ['Connected', 'plug', 'ready'],
  charging: ['Charging', 'bolt', 'go'],
  suspended_ev: ['Paused by the car', 'pause', 'wait'],
  suspended_evse: ['Paused', 'pause', 'wait'],
  finishing: ['Finished', 'check', 'ready'],
  reserved: ['Reserved', 'clock', 'wait'],
  unavailable: ['Out of service', 'ban', 'off'],
  faulted: ['Fault', 'alert', 'bad'],
};
// ocpp.state: [words, tone]; anything else is a sentence of the charger, and shown as it is
const OCPP = {
  accepted: ['Connected', 'good'],
  connected: ['Waiting for acceptance', 'wait'],
  pending: ['Waiting for acceptance', 'wait'],
  rejected: ['Not accepted', 'bad'],
  connecting: ['Connecting', 'wait'],
  disconnected: ['Not connected', 'bad'],
  offline: ['Not connected', 'bad'],
  'not started': ['Not in use', ''],
};

let state = null; // the last snapshot, null when it is too old to be shown
let seen = 0; // when it came
let polled = 0;
let events = null;
let eventsTried = 0;
let busy = false;
let saidTimer = 0;
let loggedIn = false; // only the answers to our own requests tell

function text(id, value) {
  // Only changes: a live region would be read aloud again and again.
  const el = $(id);
  value = value == null || value === '' ? '-' : String(value);
  if (el.textContent !== value) el.textContent = value;
}

function say(message) {
  $('said').textContent = message || '';
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { $('said').textContent = ''; }, 20000); // by then the state tells more
}

const number = (n, digits) => (typeof n === 'number' ? n.toFixed(digits) : null);

function kwh(wh) {
  return typeof wh === 'number' ? (wh / 1000).toFixed(wh < 1e5 ? 2 : 1) : null;
}

function clock(s) {
  if (typeof s !== 'number') return null;
  const two = (n) => String(n).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(Math.floor(s) % 60)}`;
}

function long(s) {
  if (typeof s !== 'number') return null;
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min` : `${Math.floor(s)} s`;
}

function sentence(words) {
  return words ? words[0].toUpperCase() + words.slice(1) : words;
}

function faultText(fault) {
  if (!fault || typeof fault !== 'object') return fault || '';
  return [fault.text || fault.info, fault.code && `(${fault.code})`].filter(Boolean).join(' ');
}

function render() {
  const s = state || {};
  const lost = !state;
  const started = seen > 0;
  const [word, icon, tone] = lost
    ? (started ? ['No connection', 'lost', 'off'] : ['Connecting', 'clock', 'off'])
    : STATES[s.status] || [s.status || 'Unknown', 'alert', 'wait'];

  if (s.name) {
    text('name', s.name);
    document.title = `${s.name}: ${word}`;
  } else if (lost) {
    document.title = word;
  }
  document.body.dataset.tone = tone;
  text('state', word);
  $('state-icon').setAttribute('href', `#i-${icon}`);
  if (!lost) text('why', s.why);
  else text('why', started ? 'What the charger does now is not known.' : 'Asking the charger.');

  $('lost').hidden = !lost || !started;
  if (lost && started) {
    text('lost-text', `Last heard at ${new Date(seen).toLocaleTimeString()}; trying again.`);
  }
  $('fault').hidden = !s.fault;
  text('fault-text', faultText(s.fault));

  const watts = typeof s.power_w === 'number';
  const small = watts && Math.abs(s.power_w) < 1000;
  text('power', watts ? (small ? number(s.power_w, 0) : number(s.power_w / 1000, 2)) : null);
  $('power-unit').textContent = watts ? (small ? 'W' : 'kW') : '';
  text('amps', typeof s.current_a === 'number' ? `${number(s.current_a, 1)} A` : null);
  $('offered').textContent = s.current_offered_a > 0 ? ` of ${+number(s.current_offered_a, 1)} A` : '';
  const scale = s.current_offered_a > 0 ? s.current_offered_a : FULL_SCALE_A;
  const share = Math.max(0, Math.min(1, (s.current_a || 0) / scale));
  $('arc').setAttribute('stroke-dasharray', `${share < 0.005 ? 0 : (75 * share).toFixed(1)} 100`);

  const session = s.session || {};
  text('s-energy', kwh(session.energy_wh));
  $('s-unit').textContent = kwh(session.energy_wh) ? 'kWh' : '';
  text('s-time', clock(session.seconds));
  text('s-tag', session.token_masked);

  text('plugged', lost ? null : s.plugged ? 'Plugged in' : 'Not plugged in');
  text('contactor', lost ? null : s.contactor ? 'Closed' : 'Open');
  $('notice').hidden = !s.notice;
  text('notice', s.notice);
  $('lacks-row').hidden = !s.lacks;
  text('lacks', (s.lacks || '').replace(/\bno /g, ''));
  $('program-row').hidden = !s.program;
  text('program', s.program);
  $('diode-row').hidden = s.diode_check !== false;
  const ocpp = s.ocpp || {};
  const [ocppWord, ocppTone] = OCPP[ocpp.state] || [sentence(ocpp.state), 'wait'];
  text('ocpp', ocppWord);
  $('ocpp-dot').className = `dot ${ocpp.state ? ocppTone : ''}`;
  $('ocpp-host').textContent = ocpp.url_host || '';
  // Why it failed last is of no interest while it works.
  $('ocpp-error-row').hidden = !ocpp.last_error || ocppTone === 'good';
  text('ocpp-error', ocpp.last_error);
  const total = kwh(s.energy_wh);
  text('total', total && `${total} kWh`);
  text('uptime', long(s.uptime_s));
  text('gap', typeof s.worst_gap_ms === 'number' ? `${s.worst_gap_ms} ms` : null);
  text('heap', typeof s.heap_free === 'number' ? `${Math.round(s.heap_free / 1024)} KB` : null);
  text('version', s.version);

  const stop = Boolean(s.session);
  const safe = Boolean(s.safe_mode);
  $('go').textContent = safe ? 'Start the charger again' : stop ? 'Stop charging' : 'Start charging';
  $('go').classList.toggle('stop', stop);
  $('go').disabled = lost || busy || (!stop && !safe && (s.status === 'faulted' || s.status === 'unavailable'));
  $('tag-row').hidden = lost || stop || safe || $('go').disabled && !busy;
  const reset = $('reset');
  if (!s.reset && document.activeElement === reset) $('state').focus(); // it must not get lost
  reset.hidden = !s.reset;
  $('account').hidden = lost || !s.password_set;
  $('account').textContent = loggedIn ? 'Log out' : 'Log in';
}

function heard(snapshot) {
  state = snapshot;
  seen = Date.now();
  render();
}

async function request(method, path, body) {
  const abort = new AbortController();
  // A start may wait for the central system to answer; a look must not wait.
  const file = body instanceof Blob;
  const timer = setTimeout(() => abort.abort(), method === 'GET' ? 4000 : file ? 6e5 : 60000);
  try {
    const options = { method, signal: abort.signal, cache: 'no-store' };
    if (method === 'POST') {
      options.headers = { 'Content-Type': file ? 'application/octet-stream' : 'application/json' };
      options.body = file ? body : JSON.stringify(body || {});
    }
    const response = await fetch(`api/v1/${path}`, options);
    const isJson = (response.headers.get('Content-Type') || '').startsWith('application/json');
    const data = isJson ? await response.json() : await response.text();
    if (response.status === 401) loggedIn = false;
    return { ok: response.ok, status: response.status, data };
  } catch (error) {
    return { ok: false, status: 0, data: { message: 'The charger does not answer.' } };
  } finally {
    clearTimeout(timer);
  }
}

async function poll() {
  polled = Date.now();
  const answer = await request('GET', 'state');
  if (!answer.ok) return;
  loggedIn = answer.data.login;
  heard(answer.data);
}

function follow() {
  eventsTried = Date.now();
  if (events || !window.EventSource) return;
  events = new EventSource('api/v1/events');
  events.onmessage = (event) => heard(JSON.parse(event.data));
  events.onerror = () => {
    events.close();
    events = null;
    poll();
  };
}

function unfollow() {
  if (events) events.close();
  events = null;
}

setInterval(() => {
  if (document.hidden) return;
  const now = Date.now();
  const silent = now - seen > SILENCE_MS;
  if (now - polled >= POLL_MS && (silent || !events)) poll();
  if (silent && state) {
    state = null;
    unfollow();
    eventsTried = 0;
    say('');
    render();
  }
  // After a loss as soon as it answers again; else it had no place, so not too often.
  if (!events && state && now - eventsTried > EVENTS_RETRY_MS) follow();
}, 1000);

document.addEventListener('visibilitychange', () => {
  // A phone in a pocket must not keep the place of one in a hand.
  if (document.hidden) unfollow();
  else {
    if (Date.now() - seen > SILENCE_MS) state = null;
    render();
    poll();
    follow();
  }
});

// Credential: asked for when the charger says that it needs one.

let afterLogin = null;

function askPassword(then) {
  afterLogin = then || null;
  $('login-error').textContent = '';
  $('password').value = '';
  $('login').showModal();
  $('password').focus();
}

$('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await request('POST', 'login', { password: $('password').value });
  if (!answer.ok) {
    $('login-error').textContent = answer.data.message;
    $('password').select();
    return;
  }
  const then = afterLogin;
  $('login').close();
  loggedIn = true;
  render();
  if (then) then();
});

$('cancel').addEventListener('click', () => $('login').close());
$('login').addEventListener('close', () => {
  afterLogin = null;
  $('password').value = '';
});

$('account').addEventListener('click', async () => {
  if (!loggedIn) return askPassword();
  await request('POST', 'logout');
  $('log-text').hidden = true;
  $('log-text').textContent = '';
  loggedIn = false;
  render();
});

async function command(name, body) {
  busy = true;
  say({ stop: 'Stopping ...', reset_faults: 'Resetting ...' }[name] || 'Starting ...');
  render();
  const answer = await request('POST', `cmd/${name}`, body);
  busy = false;
  say('');
  if (answer.status === 401) askPassword(() => command(name, body));
  else say(answer.data.message);
  render();
}

$('act').addEventListener('submit', (event) => {
  event.preventDefault();
  if ($('go').disabled) return;
  if (state && state.session) return command('stop');
  if (state && state.safe_mode) return command('restart');
  const tag = $('tag').value.trim();
  command('start', tag ? { idTag: tag } : {});
});

$('reset').addEventListener('click', () => {
  if (!busy) command('reset_faults');
});

async function showLog(path) {
  const answer = await request('GET', path);
  if (answer.status === 401) return askPassword(() => showLog(path));
  const pre = $('log-text');
  pre.textContent = answer.ok ? answer.data || 'The log is empty.' : answer.data.message;
  pre.hidden = false;
  pre.scrollTop = pre.scrollHeight;
}
$('log').addEventListener('click', () => showLog('log'));
$('security-log').addEventListener('click', () => showLog('security_log'));

async function install(file) {
  $('update').disabled = true;
  $('update-said').textContent = 'Installing ...';
  const answer = await request('POST', 'update', file);
  $('update').disabled = false;
  $('update-said').textContent = answer.data.message;
  if (answer.status === 401) askPassword(() => install(file));
}
$('update').addEventListener('click', () => {
  if (loggedIn) $('bundle').click();
  else askPassword(() => $('bundle').click());
});
$('bundle').addEventListener('change', () => {
  const file = $('bundle').files[0];
  $('bundle').value = '';
  if (file) install(file);
});

poll();
follow();
