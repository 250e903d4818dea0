# The workflow of GitHub that makes a release, and what the pages say about it.
# MIT license; part of microevse
"""actionlint knows the syntax of workflows, of their expressions and events. That the workflow has
never run on GitHub it cannot change: docs/release.md says so."""

import re

import actionlint
import pytest
import release_facts as facts
import release_sign
import yaml
from tools_paths import ROOT

PATH = ROOT / ".github" / "workflows" / "release.yml"


def test_actionlint_finds_nothing(tmp_path):
    if actionlint.command()[0] is None:
        pytest.skip("NOT RUN: actionlint: %s" % actionlint.command()[1])
    for path in PATH.parent.glob("*.yml"):
        assert actionlint.lint(path) == (0, "")
    # It can find something.
    for right, wrong in (("needs: test", "needs: tset"), ("secrets.RELEASE_KEY", "secret.KEY")):
        bad = tmp_path / "bad.yml"
        text = PATH.read_text()
        assert right in text
        bad.write_text(text.replace(right, wrong))
        assert actionlint.lint(bad)[0] == 1, wrong


def workflow():
    data = yaml.safe_load(PATH.read_text())
    return data, data[True]  # YAML 1.1 reads the key `on` as true


def commands(job):
    return [step["run"].strip() for step in job["steps"] if "run" in step]


def test_a_tag_is_tested_built_signed_and_drafted_in_this_order():
    data, on = workflow()
    assert on["push"] == {"tags": ["v*"]}
    test, release = data["jobs"]["test"], data["jobs"]["release"]
    assert "make test" in commands(test) and release["needs"] == "test"
    # A test that fails ends it; only the 32-bit compiler may be missing.
    allowed = [step.get("run", "") for step in test["steps"] if step.get("continue-on-error")]
    assert len(allowed) == 1 and "gcc-multilib" in allowed[0]
    build, sign, draft = commands(release)
    assert "release_container.sh" in build
    assert "tools/release_sign.py build/release" in sign
    assert draft.startswith("gh release create") and "--draft" in draft and "--verify-tag" in draft
    for step in release["steps"][-2:]:
        assert step["if"] == "github.ref_type == 'tag'"


def test_the_key_and_the_right_to_write_are_where_they_are_needed_only():
    data, _ = workflow()
    assert data["permissions"] == {"contents": "read"}
    assert "permissions" not in data["jobs"]["test"]
    for job in data["jobs"].values():
        for step in job["steps"]:
            words = str(step)
            assert ("RELEASE_KEY" in words) == (step.get("name") == "Signatures"), step
            assert ("github.token" in words) == (step.get("name") == "Draft of the release"), step
            if "uses" in step:
                # A tag of somebody else's repository can be moved; a commit cannot.
                assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", step["uses"]), step
                assert step["with"] == {"persist-credentials": False}


def test_the_command_of_the_readme_is_the_one_of_the_workflow():
    (build, *_) = commands(workflow()[0]["jobs"]["release"])
    readme = (ROOT / "README.md").read_text().split("## Build the images yourself\n")[1]
    readme = readme.split("\n## ")[0]
    page = (ROOT / "docs" / "release.md").read_text()
    for text in (readme, page):
        shown = re.sub(r" \\\n\s*", " ", text)
        assert re.findall(r"^ {4,}(docker run .*)$", shown, re.M) == [build]
        assert re.search(
            r"^ {4,}python3 tools/release_sign.py build/release sign.pem$", shown, re.M
        )
    assert facts.CONTAINER in build.split()
    for source, target in (("/src", '"$PWD"'), ("/out", '"$PWD/build/release"')):
        assert "-v %s:%s" % (target, source) in build


def test_the_page_says_what_has_never_been_run_and_names_the_pins():
    page = (ROOT / "docs" / "release.md").read_text()
    never = page.split("## What has never been run\n")[1].split("\n## ")[0]
    for word in ("workflow", "container", "ESP-IDF", "browser", "chip", "digest"):
        assert word in never, word
    for pin in (facts.MICROPYTHON, facts.CONTAINER, release_sign.VERIFY, "RELEASE_KEY"):
        assert pin in page, pin
