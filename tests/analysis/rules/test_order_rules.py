from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.finding import Level, Safety
from fastbuild.analysis.rules import (
    apt_mount_cleaned_by_image,
    apt_mount_not_locked,
    cache_mount_emptied,
    cache_mount_unreachable,
    clock_in_run,
    copy_before_install,
    cross_compiled_under_emulation,
    frozen_download,
    independent_work_in_one_stage,
    index_refreshed_alone,
    modes_depend_on_umask,
    no_cache_mount,
    system_packages_after_copy,
    unused_argument,
    volatile_variable,
)
from tests.analysis.rules.catching import case, caught, name_of, text_of

if TYPE_CHECKING:
    from fastbuild.analysis.rule import Rule

APT = "RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*"
APT_CACHE = (
    "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get update && apt-get install -y curl"
)

CATCHES = [
    case(copy_before_install, "COPY . .", "RUN pip install -r requirements.txt"),
    case(
        copy_before_install, "COPY src /src", "RUN python3 -m pip install --no-cache-dir -r requirements.txt"
    ),
    case(copy_before_install, "ADD . /app", "RUN cd /app && npm ci"),
    case(copy_before_install, "COPY ./ /app/", "RUN npm install -g typescript"),
    case(copy_before_install, "COPY . .", "RUN yarn"),
    case(copy_before_install, "COPY . .", "RUN corepack enable && pnpm install --frozen-lockfile"),
    case(copy_before_install, "COPY . .", "RUN sudo -E env CI=1 bundle install"),
    case(copy_before_install, "COPY . .", 'RUN sh -c "go mod download"'),
    case(copy_before_install, "COPY . .", "RUN cargo install ripgrep"),
    case(copy_before_install, "COPY . .", "RUN ./mvnw -B dependency:go-offline"),
    case(copy_before_install, "COPY . .", "RUN poetry install --no-root"),
    case(copy_before_install, "COPY . .", "RUN uv sync --locked"),
    case(copy_before_install, "COPY . .", "RUN composer install --no-dev && php artisan optimize"),
    case(copy_before_install, "COPY . .", "RUN dotnet restore"),
    case(copy_before_install, "COPY . .", "RUN <<EOF", "set -e", "pip install -r requirements.txt", "EOF"),
    case(system_packages_after_copy, "COPY . .", APT),
    case(system_packages_after_copy, "COPY app /app", "RUN apk add --no-cache git"),
    case(system_packages_after_copy, "COPY . .", "RUN dnf install -y gcc && dnf clean all"),
    case(volatile_variable, "ARG GIT_SHA=none", APT),
    case(volatile_variable, "ARG BUILD_DATE=today", "ENV BUILD_DATE=$BUILD_DATE", APT),
    case(volatile_variable, "ARG COMMIT=x", APT, "RUN make VERSION=$COMMIT"),
    case(volatile_variable, "ARG VCS_REF", APT),
    case(volatile_variable, "ARG CI_COMMIT_SHA=0", "ENV RELEASE=${CI_COMMIT_SHA}", APT),
    case(unused_argument, "ARG FLAVOUR=a", APT),
    case(frozen_download, "RUN git clone --depth 1 https://github.com/a/b /src"),
    case(frozen_download, "RUN git clone -b main https://github.com/a/b && make -C b"),
    case(frozen_download, "RUN curl -fsSLO https://github.com/a/b/releases/latest/download/tool"),
    case(frozen_download, 'RUN wget -qO /x "https://raw.githubusercontent.com/a/b/master/x.conf"'),
    case(clock_in_run, "RUN echo $(date +%s) > /build"),
    case(clock_in_run, "RUN uuidgen > /id"),
    case(clock_in_run, 'RUN echo "$RANDOM" > /seed'),
    case(index_refreshed_alone, "RUN apt-get update", "WORKDIR /a", "RUN apt-get install -y curl"),
    case(index_refreshed_alone, "FROM alpine:3.22", "RUN apk update", "RUN apk add curl"),
    case(cache_mount_unreachable, "USER app", "RUN --mount=type=cache,target=/root/.npm npm ci"),
    case(cache_mount_unreachable, "USER 1000", "RUN --mount=type=cache,target=/cache npm ci"),
    case(apt_mount_not_locked, APT_CACHE.replace(",sharing=locked", "")),
    case(apt_mount_not_locked, APT_CACHE.replace("locked", "shared")),
    case(cache_mount_emptied, APT_CACHE + " && apt-get clean"),
    case(
        cache_mount_emptied,
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update && rm -rf /var/lib/apt/lists/*",
    ),
    case(cache_mount_emptied, "RUN --mount=type=cache,target=/root/.npm npm ci && npm cache clean --force"),
    case(
        cache_mount_emptied,
        "ENV PIP_NO_CACHE_DIR=1",
        "RUN --mount=type=cache,target=/root/.cache pip install a",
    ),
    case(cache_mount_emptied, "RUN --mount=type=cache,target=/var/cache/apk apk add --no-cache git"),
    case(apt_mount_cleaned_by_image, APT_CACHE),
    case(no_cache_mount, "FROM rust:1.90", "COPY . .", "RUN cargo build --release"),
    case(no_cache_mount, "FROM maven:3-eclipse-temurin-21", "COPY . .", "RUN mvn -B package"),
    case(
        no_cache_mount, "FROM node:22 AS build", "RUN npm ci", "FROM scratch", "COPY --from=build /app /app"
    ),
    case(
        independent_work_in_one_stage,
        "RUN npm ci && npm run build",
        "RUN go mod download",
        "RUN go build -o /app .",
    ),
    case(
        cross_compiled_under_emulation,
        "FROM golang:1.25",
        "ARG TARGETARCH",
        'RUN GOARCH="${TARGETARCH}" go build .',
    ),
]

CATCHES_NOT = [
    case(copy_before_install, "COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY . ."),
    case(copy_before_install, "COPY . .", "RUN pip install ."),
    case(copy_before_install, "COPY . .", "RUN pip install -e ."),
    case(copy_before_install, "COPY . .", "RUN pip install dist/*.whl"),
    case(copy_before_install, "COPY . .", "RUN ./configure && pip install -r requirements.txt"),
    case(
        copy_before_install,
        "COPY . .",
        "RUN ./lock > requirements.txt",
        "RUN pip install -r requirements.txt",
    ),
    case(copy_before_install, "COPY package*.json ./", "RUN npm ci", "COPY . .", "RUN npm ci --omit=dev"),
    case(copy_before_install, "COPY . .", "RUN npm run build"),
    case(copy_before_install, "COPY . .", "RUN go install ./..."),
    case(copy_before_install, "COPY . .", "RUN cargo build --release"),
    case(copy_before_install, "COPY --from=build . .", "RUN npm ci"),
    case(copy_before_install, "COPY config /etc/app", "RUN pip install -r requirements.txt"),
    case(copy_before_install, "COPY --parents **/package.json ./", "RUN npm ci"),
    case(copy_before_install, "FROM a AS one", "COPY . .", "FROM b", "RUN npm ci"),
    case(copy_before_install, "COPY . .", "RUN pip install -r requirements.txt `# why", "`"),
    case(system_packages_after_copy, "COPY . .", "RUN apt-get install -y ./package.deb"),
    case(system_packages_after_copy, "COPY . .", "RUN apt-get install -y $(cat packages.txt)"),
    case(system_packages_after_copy, "COPY . .", "RUN xargs apt-get install -y < packages.txt"),
    case(system_packages_after_copy, "COPY . .", APT + " && make install"),
    case(system_packages_after_copy, "COPY . .", "RUN cp keys/* /etc/apt/keyrings/ && apt-get install -y a"),
    case(system_packages_after_copy, "COPY lib /etc/apt/sources.list.d", APT),
    case(system_packages_after_copy, "COPY entrypoint.sh /", APT),
    case(volatile_variable, APT, "ARG GIT_SHA=none", "LABEL revision=$GIT_SHA"),
    case(volatile_variable, "ARG GIT_SHA=none", "RUN make VERSION=$GIT_SHA"),
    case(volatile_variable, "ARG GIT_SHA=none", "RUN make"),
    case(volatile_variable, "ARG GIT_SHA=none", "RUN pip install ."),
    case(volatile_variable, "LABEL revision=abc", APT),
    case(volatile_variable, "ENV GIT_SHA=0123456789", APT),
    case(volatile_variable, "ARG GIT_REF=v1.2.3", APT),
    case(volatile_variable, "ARG CURL_VERSION=8.1", APT),
    case(volatile_variable, "ARG GIT_SHA=x", "COPY --from=a /$GIT_SHA /a", APT),
    case(volatile_variable, "FROM debian:12 AS a", "ARG GIT_SHA=x", "FROM debian:12", APT),
    case(unused_argument, "ARG DEBIAN_FRONTEND=noninteractive", APT),
    case(unused_argument, "ARG FLAVOUR", APT),
    case(unused_argument, "ARG FLAVOUR=a", "RUN ./build.sh"),
    case(unused_argument, "ARG FLAVOUR=a", APT, "LABEL flavour=$FLAVOUR"),
    case(unused_argument, "ARG HTTP_PROXY=http://proxy:3128", APT),
    case(unused_argument, "FROM debian:12 AS a", "ARG FLAVOUR=a", APT, "FROM a", "RUN echo $FLAVOUR"),
    case(frozen_download, "RUN git clone https://github.com/a/b && cd b && git checkout 0123abc"),
    case(frozen_download, "RUN git clone --branch v1.2.3 https://github.com/a/b"),
    case(frozen_download, "RUN git clone -b $VERSION https://github.com/a/b"),
    case(frozen_download, "RUN git clone https://github.com/a/b", "RUN cd b && git checkout v1"),
    case(frozen_download, "RUN curl -fsSLO https://example.com/v1.2/tool"),
    case(frozen_download, "RUN curl -fsSL https://example.com/latest/get.sh | sh"),
    case(clock_in_run, "RUN apt-get update"),
    case(clock_in_run, "RUN date"),
    case(clock_in_run, "RUN date -u -d @$SOURCE_DATE_EPOCH > /date"),
    case(clock_in_run, "RUN update-date > /x"),
    case(index_refreshed_alone, APT),
    case(index_refreshed_alone, "RUN apt-get update", "RUN apt-get update && apt-get install -y a"),
    case(index_refreshed_alone, "RUN apk update", "RUN apk add --no-cache a"),
    case(cache_mount_unreachable, "RUN --mount=type=cache,target=/root/.npm npm ci"),
    case(cache_mount_unreachable, "USER 1000", "RUN --mount=type=cache,target=/c,uid=1000 npm ci"),
    case(cache_mount_unreachable, "USER 1000", "RUN --mount=type=cache,target=/c,mode=0777 npm ci"),
    case(cache_mount_unreachable, "USER app", "USER root", "RUN --mount=type=cache,target=/root/.npm npm ci"),
    case(apt_mount_not_locked, APT_CACHE),
    case(apt_mount_not_locked, "RUN --mount=type=cache,target=/root/.cache apt-get update"),
    case(apt_mount_not_locked, APT_CACHE.replace("locked", "private")),
    case(cache_mount_emptied, APT_CACHE),
    case(cache_mount_emptied, APT_CACHE + " && rm -rf /var/lib/apt/lists/*"),
    case(cache_mount_emptied, "RUN --mount=type=cache,target=/root/.npm npm ci && rm -rf /tmp/*"),
    case(cache_mount_emptied, "RUN pip install --no-cache-dir a"),
    case(apt_mount_cleaned_by_image, "RUN rm -f /etc/apt/apt.conf.d/docker-clean", APT_CACHE),
    case(apt_mount_cleaned_by_image, "FROM registry.example.com/debian:12", APT_CACHE),
    case(apt_mount_cleaned_by_image, APT),
    case(no_cache_mount, "RUN --mount=type=cache,target=/root/.cache/go-build go build ."),
    case(no_cache_mount, "FROM golang:1.25 AS unused", "RUN go build .", "FROM debian:12"),
    case(no_cache_mount, "RUN pip install -r requirements.txt"),
    case(no_cache_mount, "RUN apt-get install -y go"),
    case(independent_work_in_one_stage, "RUN npm ci", "RUN npm run build"),
    case(independent_work_in_one_stage, "RUN npm ci && npm run build && go build -o /app ."),
    case(independent_work_in_one_stage, "RUN pip install awscli", "RUN go build ."),
    case(cross_compiled_under_emulation, "FROM golang:1.25", "RUN GOARCH=arm64 go build ."),
]


@pytest.mark.parametrize(("rule", "lines"), CATCHES, ids=name_of)
def test_it_is_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines))


@pytest.mark.parametrize(("rule", "lines"), CATCHES_NOT, ids=name_of)
def test_it_is_not_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines)) == []


NPM = "FROM node:22\nCOPY . .\nRUN npm ci\n"


def test_a_context_without_code_or_without_the_manifest_is_no_reason_to_move_the_install() -> None:
    assert caught(copy_before_install, NPM, context="package.json\npackage-lock.json\nindex.js\n")
    assert caught(copy_before_install, NPM, context="package.json\npackage-lock.json\n") == []
    assert caught(copy_before_install, NPM, context="index.js\n") == []


@pytest.mark.parametrize(
    "content",
    ['{"dependencies": {"a": "file:../a"}}', '{"scripts": {"postinstall": "node setup.js"}}'],
)
def test_a_manifest_that_refers_to_files_keeps_the_install_where_it_is(content: str) -> None:
    assert caught(copy_before_install, NPM, context=f"package.json 99 644 {content}\nindex.js\n") == []


def test_install_scripts_count_only_if_they_run() -> None:
    text = NPM.replace("ci", "ci --ignore-scripts")
    manifest = 'package.json 99 644 {"scripts": {"postinstall": "node setup.js"}}'
    assert caught(copy_before_install, text, context=f"{manifest}\nindex.js\n")


def test_a_directory_is_source_code_if_the_context_says_so() -> None:
    text = "FROM python:3\nCOPY stuff /stuff\nRUN pip install -r requirements.txt\n"
    assert caught(copy_before_install, text, context="stuff/a.py\nrequirements.txt\n")
    assert caught(copy_before_install, text, context="stuff/a.bin\nrequirements.txt\n") == []
    assert caught(copy_before_install, text) == []


def test_measured_seconds_are_told_from_estimates() -> None:
    (finding,) = caught(copy_before_install, NPM, measured="3 41.5 0")
    assert finding.cost is not None
    assert (finding.cost.seconds, finding.cost.measured) == (41.5, True)
    (finding,) = caught(copy_before_install, NPM)
    assert finding.cost is not None
    assert not finding.cost.measured


def test_a_step_that_does_more_than_install_costs_only_the_install() -> None:
    (finding,) = caught(
        copy_before_install, "FROM go\nCOPY . .\nRUN go mod download && make\n", measured="3 90 0"
    )
    assert finding.cost is not None
    assert finding.cost.seconds == 10
    assert not finding.cost.measured


def test_an_argument_without_a_value_is_only_a_remark_until_it_has_one() -> None:
    text = f"FROM debian:12\nARG GIT_SHA\n{APT}\n"
    (finding,) = caught(volatile_variable, text)
    assert finding.level is Level.INFO
    assert "as soon as" in finding.message
    (finding,) = caught(volatile_variable, text, args={"GIT_SHA": "abc"})
    assert finding.level is Level.WARNING
    (finding,) = caught(volatile_variable, f"ARG GIT_SHA=x\n{text}")
    assert finding.level is Level.WARNING


def test_only_steps_before_the_first_use_are_counted_as_run_in_vain() -> None:
    text = f"FROM debian:12\nARG GIT_SHA=x\n{APT}\nRUN make $GIT_SHA\n{APT}\n"
    (finding,) = caught(volatile_variable, text, measured="3 7 0\n4 50 0\n5 9 0")
    assert finding.cost is not None
    assert finding.cost.seconds == 7


def test_files_that_the_group_may_write_are_counted_and_one_is_named() -> None:
    (finding,) = caught(
        modes_depend_on_umask, "FROM a\nCOPY src /src\n", context="src/b 1 664\nsrc/a 1 775\nc 1 664"
    )
    assert "2 copied entries are writable by the group (src/a: 0775)" in finding.message
    assert caught(modes_depend_on_umask, "FROM a\nCOPY src /src\n", context="src/b 1 644\nc 1 664") == []


def test_locking_an_apt_mount_changes_nothing_but_the_mount() -> None:
    text = "FROM debian:12\nRUN --mount=type=cache,target=/var/cache/apt \\\n    apt-get update\n"
    (finding,) = caught(apt_mount_not_locked, text)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE
    (edit,) = finding.fix.edits
    assert edit.text == "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n    apt-get update\n"


def test_of_two_mounts_whose_text_is_contained_in_the_other_none_is_touched() -> None:
    text = (
        "FROM debian:12\nRUN --mount=type=cache,target=/var/cache/apt"
        " --mount=type=cache,target=/var/cache/apt/archives apt-get update\n"
    )
    (finding,) = caught(apt_mount_not_locked, text)
    assert finding.fix is None
