"""The examples of docs/api.md, run as printed: each answers what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Perch

BLOCKS = re.findall(r"^```\n(\$ .*?)^```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_examples_answer_what_the_page_shows(perch: Perch, tmp_path: Path) -> None:
    (perch.settings.data_dir / "admin.token").write_text(perch.admin_token)
    shown = [block for blocks in BLOCKS for block in re.split(r"^\$ ", blocks, flags=re.MULTILINE)[1:]]
    assert len(shown) > 10
    for block in shown:
        lines = block.rstrip("\n").split("\n")
        command, told = split(lines)
        answer = subprocess.run(
            ["bash", "-c", command.replace("http://127.0.0.1:7181", perch.url)],
            cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        expected = ".*".join(re.escape(part) for part in told.split("..."))
        assert re.fullmatch(expected, answer.stdout.replace(perch.url, "http://127.0.0.1:7181").strip(), re.DOTALL), (
            command,
            answer.stdout,
        )


def split(lines: list[str]) -> tuple[str, str]:
    """A command, which goes on while a quote is open or a line ends in a backslash, and the answer below it."""
    end = 1
    while "\n".join(lines[:end]).count("'") % 2 or lines[end - 1].endswith("\\"):
        end += 1
    return "\n".join(lines[:end]), "\n".join(lines[end:]).strip()
