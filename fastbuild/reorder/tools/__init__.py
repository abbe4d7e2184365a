"""What package managers and downloaders read and write: one function for each, found by the program's name.

Every statement is the tool's documented behaviour, and for most of them what strace saw
(tests/live/test_tools_read.py). Redirections are not in a function's answer, nor is what every program
of the base needs. Variables: see `environment.matters`.
"""

from __future__ import annotations

import re

from fastbuild.reorder.effects import Tool
from fastbuild.reorder.tools import (
    cargo,
    download,
    go,
    java,
    npm,
    php_ruby,
    pip,
    pnpm,
    poetry,
    python,
    system,
    uv,
    yarn,
)
from fastbuild.reorder.tools.environment import matters
from fastbuild.reorder.tools.wrappers import unwrap

TOOLS: tuple[Tool, ...] = (
    Tool(frozenset({"pip", "pip3"}), pip.effects),
    Tool(frozenset({"venv", "virtualenv"}), python.venv),
    Tool(frozenset({"uv"}), uv.effects),
    Tool(frozenset({"poetry"}), poetry.poetry),
    Tool(frozenset({"pipenv"}), poetry.pipenv),
    Tool(frozenset({"npm"}), npm.effects),
    Tool(frozenset({"pnpm"}), pnpm.effects),
    Tool(frozenset({"yarn", "yarnpkg"}), yarn.effects),
    Tool(frozenset({"corepack"}), npm.corepack),
    Tool(frozenset({"go"}), go.effects),
    Tool(frozenset({"cargo"}), cargo.effects),
    Tool(frozenset({"mvn", "mvnw"}), java.maven),
    Tool(frozenset({"gradle", "gradlew"}), java.gradle),
    Tool(frozenset({"composer"}), php_ruby.composer),
    Tool(frozenset({"bundle", "bundler"}), php_ruby.bundle),
    Tool(frozenset({"gem"}), php_ruby.gem),
    Tool(frozenset({"apt-get", "apt"}), system.apt),
    Tool(frozenset({"apk"}), system.apk),
    Tool(frozenset({"dnf", "yum", "microdnf", "tdnf"}), system.dnf),
    Tool(frozenset({"dpkg"}), system.dpkg),
    Tool(system.REFRESHING, system.refresh),
    Tool(frozenset({"curl"}), download.curl),
    Tool(frozenset({"wget"}), download.wget),
    Tool(frozenset({"tar"}), download.tar),
    Tool(frozenset({"unzip"}), download.unzip),
    Tool(frozenset({"git"}), download.git),
    Tool(frozenset({"gpg", "gpg2"}), download.gpg),
)

_BY_NAME = {name: tool for tool in TOOLS for name in tool.names}
_PIP = re.compile(r"pip3?(\.\d+)?")


def tool_for(name: str) -> Tool | None:
    """The tool of a program's base name (`pip3.11` is pip), None if fastbuild knows none."""
    return _BY_NAME.get("pip" if _PIP.fullmatch(name) else name)


__all__ = ["TOOLS", "matters", "tool_for", "unwrap"]
