# Which requests a page of another site could have made a browser send.
# MIT license; part of microevse
"""Host and Origin checks, against DNS rebinding and cross-site request forgery."""


def host_allowed(host, names):
    """Whether `host` (a Host header) is an IP address, localhost or one of our names.

    Another site can let its own name point to our address and would then be of the same origin as
    we are (DNS rebinding). It cannot do so with an IP address or our own name.
    """
    host = host.strip().lower()
    if host.startswith("["):  # IPv6, [::1]:8080
        name, bracket, rest = host[1:].partition("]")
        return bool(
            bracket
            and ":" in name
            and all([c in "0123456789abcdef:.%" for c in name])
            and (not rest or rest[0] == ":")
        )
    name, colon, number = host.partition(":")
    if colon and not number.isdigit():
        return False
    parts = name.split(".")
    if len(parts) == 4 and all([p.isdigit() and int(p) < 256 for p in parts]):
        return True
    name = name[:-1] if name.endswith(".") else name
    return name == "localhost" or name in names


def refusal(method, headers, names):
    """Why a request must not be served: (status, code, message), or None if it may.

    headers: has `get(name)` without regard to case. names: see `host_allowed`.
    """
    host = headers.get("Host", "")
    if not host_allowed(host, names):
        return 421, "wrong_host", "The charger has another name; use its IP address."
    if method in ("GET", "HEAD"):
        return None
    # Browsers say where a request comes from, but Sec-Fetch-Site only to servers with TLS.
    site = headers.get("Sec-Fetch-Site")
    origin = headers.get("Origin")
    explicit = headers.get("Authorization") is not None
    if site is not None:
        own = site in ("same-origin", "none")
    elif origin is not None:
        own = origin.lower() in ("http://" + host.lower(), "https://" + host.lower())
    else:
        own = explicit  # not a browser; a form of another site cannot send this header
    if not own:
        return 403, "cross_site", "Requests from other sites are refused."
    kind = headers.get("Content-Type", "").split(";")[0].strip().lower()
    # Neither type can be that of a form, which other sites could send.
    plain = kind in ("application/json", "application/octet-stream")
    if not plain and not (explicit and headers.get("Content-Length", "0") == "0"):
        return 415, "not_json", "Send Content-Type: application/json."
    return None
