"""What a fresh machine meets first: the requirements, make, the licence, and docs that say what is so."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from metrics.__main__ import cli
from metrics.manual import pages
from tests.conftest import ROOT, Perch


def pins(file: str) -> dict[str, str]:
    """Package -> version, for every line of a requirements file that names one."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and line[0] not in "#-"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines), lines
    return dict(line.split("==") for line in lines)


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_to_what_is_tested(file: str) -> None:
    assert pins(file) == {name: version(name) for name in pins(file)}


def make(folder: Path, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    """make in a folder that holds nothing but the Makefile and the requirements."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    env = {**os.environ, "PATH": path}
    env.pop("MAKEFLAGS", None)
    found = shutil.which("make")
    if not found:
        pytest.skip("make is not installed")
    return subprocess.run(
        [found, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_make_alone_lists_its_commands(tmp_path: Path) -> None:
    listed = make(tmp_path).stdout
    for command in ("make run", "make test", "make lint", "make docs"):
        assert command in listed


def test_make_says_that_python_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "sed", "awk"):
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    result = make(tmp_path, "run", path=str(tmp_path / "bin"))
    assert result.returncode == 2
    assert result.stderr.splitlines()[0].startswith("Perch needs Python 3.11 or newer")


def test_make_says_that_the_venv_package_is_missing(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    bare.chmod(0o755)
    result = make(tmp_path, "run", f"PYTHON={bare}")
    assert result.returncode == 2
    assert "python3-venv" in result.stderr.splitlines()[0]


def test_make_run_demo_0_starts_empty() -> None:
    with_demo, without = (
        subprocess.run(
            ["make", "-n", "run", f"DEMO={flag}"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for flag in (1, 0)
    )
    assert "--no-demo" not in with_demo
    assert "metrics run --no-demo" in without


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("path", pages(cli), ids=lambda path: path.name)
def test_generated_pages_are_current(path: Path) -> None:
    assert path.read_text() == pages(cli)[path], "run `make docs`"


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_shows_only_commands_that_exist() -> None:
    named = set(re.findall(r"python -m metrics ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named <= set(cli.commands)


def test_the_readmes_calls_answer_what_it_shows(perch: Perch) -> None:
    blocks = re.findall(r"^\$ (curl .*?)(?=^\$|^```)", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    post, *gets = blocks
    sent = re.search(r"-d '(.*?)'\n(.*)", post, re.DOTALL)
    assert sent
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says of any -d
    answer = perch.request("POST", "/v0/events", params={"name": "llm_events"}, data=sent[1], headers=form)
    assert answer.json() == json.loads(sent[2])
    assert len(gets) == 2
    for block in gets:
        path, data = re.search(r"7181(/v0/[^?]+)", block), re.search(r'"data":(\[.*?\])', block, re.DOTALL)
        assert path
        assert data
        assert perch.get(path[1]).json()["data"] == json.loads(data[1])
