from __future__ import annotations

import pytest

from fastbuild.analysis.commands import Action, Kind, actions
from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse


def acts(command: str, above: str = "") -> tuple[Action, ...]:
    steps = Subject(parse(f"FROM a\n{above}RUN {command}\n")).stages[0].steps
    return actions(steps[-1])


@pytest.mark.parametrize(
    "command",
    [
        "pip install -r r.txt",
        "pip3 install -rr.txt",
        "python -m pip install --requirement=r.txt",
        "python3.13 -m pip install --no-cache-dir -r r.txt",
        "/usr/local/bin/pip install -r r.txt",
        "sudo -H -u app pip install -r r.txt",
        "env -u HOME X=1 pip install -r r.txt",
        "X=1 exec pip install -r r.txt",
        "time nice -n 5 pip install -r r.txt",
        "timeout -k 5 60 pip install -r r.txt",
        "gosu app pip install -r r.txt",
        'bash -euxc "pip install -r r.txt"',
        "sudo sh -c 'pip install -r r.txt'",
        '["pip", "install", "-r", "r.txt"]',
    ],
)
def test_wrappers_are_looked_through(command: str) -> None:
    (action,) = acts(command)
    assert (action.kind, action.tool, action.manifests) == (Kind.INSTALL, "pip", ("r.txt",))
    assert not action.sources


@pytest.mark.parametrize(
    ("command", "kind", "tool"),
    [
        ("apt-get install -y curl", Kind.INSTALL, "apt"),
        ("apt-get -o Dpkg::Use-Pty=0 -y install curl", Kind.INSTALL, "apt"),
        ("apt update", Kind.REFRESH, "apt"),
        ("aptitude safe-upgrade", Kind.UPGRADE, "apt"),
        ("apt-get purge gcc", Kind.CLEAN, "apt"),
        ("apk --no-cache add git", Kind.INSTALL, "apk"),
        ("apk add -t .build gcc", Kind.INSTALL, "apk"),
        ("yum -y update", Kind.UPGRADE, "yum"),
        ("zypper in git", Kind.INSTALL, "zypper"),
        ("npm ci", Kind.INSTALL, "npm"),
        ("npm --prefix web ci", Kind.INSTALL, "npm"),
        ("npm run build", Kind.BUILD, "npm"),
        ("npm cache clean --force", Kind.CLEAN, "npm"),
        ("yarn", Kind.INSTALL, "yarn"),
        ("yarn --frozen-lockfile", Kind.INSTALL, "yarn"),
        ("yarn build", Kind.BUILD, "yarn"),
        ("yarn serve", Kind.OTHER, "yarn"),
        ("yarn --version", Kind.OTHER, "yarn"),
        ("pnpm fetch", Kind.INSTALL, "pnpm"),
        ("corepack pnpm install", Kind.INSTALL, "pnpm"),
        ("corepack enable", Kind.OTHER, "corepack"),
        ("uv sync --frozen", Kind.INSTALL, "uv"),
        ("uv pip install -r a.txt", Kind.INSTALL, "uv"),
        ("uv run app.py", Kind.OTHER, "uv"),
        ("go mod download", Kind.INSTALL, "go"),
        ("go install example.com/a@v1", Kind.INSTALL, "go"),
        ("go install ./...", Kind.BUILD, "go"),
        ("CGO_ENABLED=0 go build -o a .", Kind.BUILD, "go"),
        ("xx-go build", Kind.BUILD, "go"),
        ("go env", Kind.OTHER, "go"),
        ("cargo fetch", Kind.INSTALL, "cargo"),
        ("cargo install ripgrep --locked", Kind.INSTALL, "cargo"),
        ("cargo install --path .", Kind.BUILD, "cargo"),
        ("cargo build --release", Kind.BUILD, "cargo"),
        ("./mvnw -B dependency:go-offline", Kind.INSTALL, "mvn"),
        ("mvn clean package -DskipTests", Kind.BUILD, "mvn"),
        ("./gradlew :app:bootJar", Kind.BUILD, "gradle"),
        ("composer install --no-dev", Kind.INSTALL, "composer"),
        ("dotnet restore a.csproj", Kind.INSTALL, "dotnet"),
        ("dotnet publish -c Release", Kind.BUILD, "dotnet"),
        ("make all", Kind.BUILD, "make"),
        ("curl -fsSL https://example.com/a", Kind.FETCH, "curl"),
        ("git clone https://example.com/a", Kind.CLONE, "git"),
        ("mkdir -p /a", Kind.PLAIN, "mkdir"),
        ("dpkg --add-architecture arm64", Kind.PLAIN, "dpkg"),
        ("dpkg -i a.deb", Kind.OTHER, "dpkg"),
        ("./configure", Kind.BUILD, "configure"),
        ("./setup", Kind.OTHER, "setup"),
    ],
)
def test_a_command_is_known_by_its_subcommand(command: str, kind: Kind, tool: str) -> None:
    (action,) = acts(command)
    assert (action.kind, action.tool) == (kind, tool)


@pytest.mark.parametrize(
    "command",
    [
        "pip install .",
        "pip install -e .",
        "pip install ./wheels/a.whl",
        "pip install $PACKAGES",
        "npm install ./local",
        "cargo install --path .",
        "apt-get install ./a.deb",
        "go build ./...",
    ],
)
def test_an_install_of_files_needs_them(command: str) -> None:
    (action,) = acts(command)
    assert action.sources


def test_names_are_told_from_options_and_their_values() -> None:
    (action,) = acts("apt-get -t stable install -y --no-install-recommends curl=8.1 git")
    assert action.names == ("curl=8.1", "git")
    (action,) = acts("pip install --index-url https://example.com a b")
    assert action.names == ("a", "b")


def test_commands_come_in_order_and_those_of_pipes_and_branches_too() -> None:
    found = acts("apt-get update && if x; then npm ci; fi; curl https://e.com | tar x")
    assert [action.call.name for action in found] == ["apt-get", "x", "npm", "curl", "tar"]


def test_a_foreign_shell_has_no_commands() -> None:
    assert acts("npm ci", above='SHELL ["pwsh", "-Command"]\n') == ()
