from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.finding import Level, Safety
from fastbuild.analysis.rules import (
    install_asks,
    lock_file_not_enforced,
    package_cache_left,
    packages_upgraded,
    recommended_packages,
)
from tests.analysis.rules.catching import case, caught, name_of, text_of

if TYPE_CHECKING:
    from fastbuild.analysis.rule import Rule

CATCHES = [
    case(package_cache_left, "RUN apt-get update && apt-get install -y curl"),
    case(package_cache_left, "RUN apt-get update && apt-get install -y curl && apt-get clean"),
    case(package_cache_left, "RUN apt-get update && apt-get install -y curl && rm -rf /var/list/apt/lists/*"),
    case(package_cache_left, "FROM alpine:3.22", "RUN apk update && apk add curl"),
    case(package_cache_left, "FROM alpine:3.22", "RUN apk add -U curl"),
    case(package_cache_left, "FROM fedora:42", "RUN dnf install -y git"),
    case(package_cache_left, "FROM rockylinux:9", "RUN yum -y install git"),
    case(package_cache_left, "RUN pip install requests"),
    case(package_cache_left, "RUN npm ci"),
    case(package_cache_left, "FROM debian:12 AS base", "RUN pip install a", "FROM base", "CMD a"),
    case(packages_upgraded, "RUN apt-get update && apt-get -y dist-upgrade"),
    case(packages_upgraded, "RUN apk -U upgrade"),
    case(packages_upgraded, "RUN yum update -y"),
    case(install_asks, "RUN apt-get install curl"),
    case(install_asks, "RUN apt-get -f install"),
    case(install_asks, "RUN apt-get -q install curl"),
    case(install_asks, "RUN yum install git"),
    case(install_asks, "RUN zypper install git"),
    case(recommended_packages, "RUN apt-get install -y git"),
    case(recommended_packages, "FROM debian:12 AS a", "RUN apt install -y git", "FROM a", "CMD git"),
]

CATCHES_NOT = [
    case(package_cache_left, "RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*"),
    case(
        package_cache_left, "RUN apt-get update && apt-get install -y a \\", "  && rm -fr /var/lib/apt/lists"
    ),
    case(package_cache_left, "RUN apt-get install -y a"),
    case(
        package_cache_left,
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y a",
    ),
    case(
        package_cache_left, "FROM debian:12 AS b", "RUN apt-get update", "FROM scratch", "COPY --from=b /a /a"
    ),
    case(
        package_cache_left,
        "RUN apt-get update && apt-get install a `# why",
        "` && rm -rf /var/lib/apt/lists/*",
    ),
    case(package_cache_left, "FROM alpine:3.22", "RUN apk add --no-cache curl"),
    case(package_cache_left, "FROM alpine:3.22", "RUN apk --no-cache add curl"),
    case(package_cache_left, "FROM alpine:3.22", "RUN apk update && apk add a && rm -rf /var/cache/apk/*"),
    case(package_cache_left, "RUN dnf -y install a && dnf clean all"),
    case(package_cache_left, "RUN microdnf install -y a && microdnf clean all"),
    case(package_cache_left, "RUN pip install --no-cache-dir a"),
    case(package_cache_left, "ENV PIP_NO_CACHE_DIR=1", "RUN pip install a"),
    case(package_cache_left, "RUN PIP_NO_CACHE_DIR=1 pip install a"),
    case(package_cache_left, "RUN --mount=type=cache,target=/root/.cache pip install a"),
    case(package_cache_left, "RUN pip install a && rm -rf ~/.cache/pip"),
    case(package_cache_left, "RUN pip install a && pip cache purge"),
    case(package_cache_left, "RUN npm ci && npm cache clean --force"),
    case(package_cache_left, "RUN npm ci && rm -rf /root/.npm"),
    case(package_cache_left, "RUN npm run build"),
    case(package_cache_left, "RUN pip install --upgrade pip setuptools"),
    case(packages_upgraded, "RUN apt-get install -y --only-upgrade openssl"),
    case(packages_upgraded, "RUN yum update -y openssl"),
    case(packages_upgraded, "RUN pip install --upgrade pip"),
    case(install_asks, "RUN apt-get install -y curl"),
    case(install_asks, "RUN apt-get -yq install curl"),
    case(install_asks, "RUN apt-get install -qq curl"),
    case(install_asks, "RUN apt-get --assume-yes install curl"),
    case(install_asks, "RUN apt-get $OPTIONS install curl"),
    case(install_asks, "RUN yes | apt-get install curl"),
    case(
        install_asks,
        "RUN echo 'APT::Get::Assume-Yes \"true\";' > /etc/apt/apt.conf.d/y",
        "RUN apt-get install a",
    ),
    case(install_asks, "RUN zypper -n install git"),
    case(install_asks, "RUN apk add git"),
    case(install_asks, "RUN apt-get update"),
    case(recommended_packages, "RUN apt-get install -y --no-install-recommends git"),
    case(recommended_packages, "RUN apt-get -o APT::Install-Recommends=false install -y git"),
    case(
        recommended_packages,
        "RUN echo 'APT::Install-Recommends 0;' > /etc/apt/apt.conf.d/n",
        "RUN apt install a",
    ),
    case(
        recommended_packages,
        "FROM debian:12 AS b",
        "RUN apt install -y gcc",
        "FROM scratch",
        "COPY --from=b / /",
    ),
    case(lock_file_not_enforced, "RUN npm install"),
]


@pytest.mark.parametrize(("rule", "lines"), CATCHES, ids=name_of)
def test_it_is_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines))


@pytest.mark.parametrize(("rule", "lines"), CATCHES_NOT, ids=name_of)
def test_it_is_not_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines)) == []


def removal(*lines: str) -> str | None:
    """The text of the first finding's fix."""
    fix = caught(package_cache_left, text_of(lines))[0].fix
    return fix.edits[0].text if fix else None


def test_the_package_lists_are_removed_at_the_end_of_the_run() -> None:
    text = removal("FROM debian:12", "RUN apt-get update && apt-get install -y a", "CMD a")
    assert text == "RUN apt-get update && apt-get install -y a \\\n    && rm -rf /var/lib/apt/lists/*\n"
    assert not caught(package_cache_left, f"FROM debian:12\n{text}CMD a\n")


@pytest.mark.parametrize(
    "lines",
    [
        ("RUN <<EOF", "apt-get update", "EOF"),
        ("RUN apt-get update || true",),
        ("RUN apt-get update; # refresh",),
        ("RUN apt-get update &",),
        ("RUN (apt-get update)",),
        ("RUN if true; then apt-get update; fi",),
        ('RUN ["apt-get", "update"]',),
        ("USER 1000", "RUN sudo apt-get update"),
        ("RUN apt-get update", "RUN apt-get install -y a"),
        ("RUN apt-get update && apt-get install -y a", "RUN apt-get install -y b"),
        ("RUN apt-get update && apt-get install -y a", "COPY setup /", "RUN /setup"),
    ],
)
def test_the_lists_stay_where_the_removal_could_break_something(lines: tuple[str, ...]) -> None:
    assert removal("FROM debian:12", *lines) is None


def test_a_small_cache_is_only_a_remark() -> None:
    (finding,) = caught(package_cache_left, "FROM alpine:3.22\nRUN apk update && apk add a\n")
    assert finding.level is Level.INFO


def test_yes_is_added_where_it_is_certain() -> None:
    (finding,) = caught(install_asks, "FROM debian:12\nRUN apt-get update && apt-get install \\\n    curl\n")
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE
    assert finding.fix.edits[0].text == "RUN apt-get update && apt-get install -y \\\n    curl\n"
    (finding,) = caught(install_asks, "FROM debian:12\nRUN apt-get install a && apt-get install b\n")
    assert finding.fix is None


def test_leaving_recommended_packages_out_is_not_called_safe() -> None:
    (finding,) = caught(recommended_packages, "FROM debian:12\nRUN apt-get install -y git\n")
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE
    assert finding.fix.edits[0].text == "RUN apt-get install --no-install-recommends -y git\n"


@pytest.mark.parametrize(
    ("command", "lock"),
    [
        ("npm install", "package-lock.json"),
        ("yarn install", "yarn.lock"),
        ("pnpm i", "pnpm-lock.yaml"),
        ("uv sync", "uv.lock"),
        ("bundle install", "Gemfile.lock"),
        ("bun install", "bun.lock"),
    ],
)
def test_an_install_that_may_leave_the_lock_file_is_caught_if_there_is_one(command: str, lock: str) -> None:
    text = f"FROM a\nRUN {command}\n"
    assert caught(lock_file_not_enforced, text, context=lock)
    assert caught(lock_file_not_enforced, text, context="package.json") == []


@pytest.mark.parametrize(
    "lines",
    [
        "RUN npm ci",
        "RUN npm install -g typescript",
        "RUN yarn install --frozen-lockfile",
        "RUN yarn --immutable",
        "ENV CI=true\nRUN pnpm install",
        "RUN CI=1 pnpm install",
        "RUN uv sync --locked --no-install-project",
        "RUN bundle config set --local deployment true && bundle install",
    ],
)
def test_an_install_that_keeps_to_the_lock_file_is_not_caught(lines: str) -> None:
    context = "package-lock.json\nyarn.lock\npnpm-lock.yaml\nuv.lock\nGemfile.lock"
    assert caught(lock_file_not_enforced, f"FROM a\n{lines}\n", context=context) == []
