from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.finding import Level
from fastbuild.analysis.rules import (
    base_not_pinned,
    base_without_version,
    build_tools_shipped,
    dev_dependencies_shipped,
    heavy_base,
    outdated_base,
    stage_never_built,
    user_image,
)
from tests.analysis.rules.catching import case, caught, name_of, text_of

if TYPE_CHECKING:
    from fastbuild.analysis.rule import Rule

DIGEST = "sha256:" + "0" * 64
APT = "RUN apt-get update && apt-get install -y"

CATCHES = [
    case(base_without_version, "FROM node"),
    case(base_without_version, "FROM --platform=linux/amd64 node:latest AS x"),
    case(base_without_version, "FROM registry.example.com:5000/team/app"),
    case(base_without_version, "ARG BASE=alpine", "FROM $BASE"),
    case(base_without_version, "FROM scratch", "COPY --from=busybox /bin/sh /bin/sh"),
    case(base_without_version, "FROM scratch", "RUN --mount=from=golang:latest,target=/go true"),
    case(base_not_pinned, "FROM node:22-slim"),
    case(user_image, "FROM someone/node:22"),
    case(user_image, "FROM docker.io/someone/node:22"),
    case(outdated_base, "FROM centos:7"),
    case(outdated_base, "FROM openjdk:21-slim"),
    case(outdated_base, "FROM python:2.7"),
    case(outdated_base, "FROM python:3.9-slim"),
    case(outdated_base, "FROM node:16-alpine"),
    case(outdated_base, "FROM ubuntu:18.04"),
    case(outdated_base, "FROM debian:buster-slim"),
    case(outdated_base, "FROM alpine:3.12"),
    case(heavy_base, "FROM python:3.13"),
    case(heavy_base, "FROM node:22-bookworm"),
    case(heavy_base, "FROM debian:bookworm"),
    case(heavy_base, "FROM eclipse-temurin:21-jdk", "COPY app.jar /", "CMD java -jar /app.jar"),
    case(build_tools_shipped, f"{APT} gcc libpq-dev", "CMD app"),
    case(build_tools_shipped, "FROM alpine:3.22", "RUN apk add --no-cache build-base", "CMD app"),
    case(build_tools_shipped, "FROM rust:1.90", "COPY . .", "RUN cargo build --release", 'CMD ["app"]'),
    case(
        build_tools_shipped, "FROM mcr.microsoft.com/dotnet/sdk:9.0", "RUN dotnet publish", "ENTRYPOINT ./app"
    ),
    case(stage_never_built, "FROM golang:1.25", "RUN go build", "FROM debian:12"),
    case(stage_never_built, "FROM golang:1.25 AS extra", "FROM debian:12"),
]

CATCHES_NOT = [
    case(base_without_version, "FROM node:22"),
    case(base_without_version, f"FROM node@{DIGEST}"),
    case(base_without_version, "FROM scratch"),
    case(base_without_version, "ARG BASE", "FROM $BASE"),
    case(base_without_version, "FROM node:22 AS build", "FROM build", "COPY --from=build /a /a"),
    case(base_without_version, "FROM node:22", "FROM debian:12", "COPY --from=0 /a /a"),
    case(base_without_version, "FROM localhost:5000/app:1"),
    case(base_not_pinned, f"FROM node:22-slim@{DIGEST}"),
    case(base_not_pinned, "FROM scratch"),
    case(base_not_pinned, "FROM node"),
    case(user_image, "FROM node:22"),
    case(user_image, "FROM docker.io/library/node:22"),
    case(user_image, "FROM ghcr.io/someone/node:22"),
    case(user_image, "FROM localhost/someone/node:22"),
    case(user_image, f"FROM someone/node:22@{DIGEST}"),
    case(outdated_base, "FROM python:3.13-slim"),
    case(outdated_base, "FROM python:3"),
    case(outdated_base, "FROM node:22"),
    case(outdated_base, "FROM node:lts"),
    case(outdated_base, "FROM ubuntu:24.04"),
    case(outdated_base, "FROM debian:bookworm-slim"),
    case(outdated_base, "FROM registry.example.com/centos:7"),
    case(heavy_base, "FROM python:3.13-slim"),
    case(heavy_base, "FROM python:3.13-alpine"),
    case(heavy_base, "FROM python:3.13 AS build", "FROM python:3.13-slim"),
    case(heavy_base, "FROM eclipse-temurin:21-jre"),
    case(heavy_base, "FROM eclipse-temurin:21-jdk", "RUN ./mvnw package"),
    case(heavy_base, "FROM registry.example.com/python:3.13"),
    case(build_tools_shipped, f"{APT} gcc"),
    case(build_tools_shipped, f"{APT} gcc && make && apt-get purge -y gcc", "CMD app"),
    case(build_tools_shipped, "RUN apk add --virtual .b gcc && make && apk del .b", "CMD app"),
    case(build_tools_shipped, f"{APT} gcc", 'CMD ["gcc"]'),
    case(build_tools_shipped, "FROM debian:12 AS dev", f"{APT} gcc", "CMD app"),
    case(build_tools_shipped, "FROM golang:1.25", "COPY . .", "RUN go build .", 'CMD ["go", "test"]'),
    case(
        build_tools_shipped,
        "FROM golang:1.25 AS b",
        "RUN go build .",
        "FROM scratch",
        "COPY --from=b / /",
        "CMD a",
    ),
    case(stage_never_built, "FROM golang:1.25 AS b", "FROM debian:12", "COPY --from=b /a /a"),
    case(stage_never_built, "FROM golang:1.25", "FROM debian:12", "COPY --from=0 /a /a"),
    case(stage_never_built, "FROM golang:1.25 AS b", "FROM debian:12", "RUN --mount=from=b,target=/b /b/x"),
    case(stage_never_built, "FROM golang:1.25 AS base", "FROM base AS test", "FROM base"),
    case(stage_never_built, "FROM a:1 AS one", "FROM a:1 AS two"),
    case(stage_never_built, "FROM a:1 AS one", "FROM a:1 AS two", "FROM a:1"),
    case(stage_never_built, "ARG V", "FROM a:1 AS one", "FROM $V"),
]


@pytest.mark.parametrize(("rule", "lines"), CATCHES, ids=name_of)
def test_it_is_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines))


@pytest.mark.parametrize(("rule", "lines"), CATCHES_NOT, ids=name_of)
def test_it_is_not_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines)) == []


@pytest.mark.parametrize(
    ("base", "smaller"),
    [
        ("python:3.13", "python:3.13-slim"),
        ("python:3.13-bookworm", "python:3.13-slim-bookworm"),
        ("node:22", "node:22-slim"),
        ("node:22-bookworm", "node:22-bookworm-slim"),
        ("debian:trixie", "debian:trixie-slim"),
        ("debian:12", "debian:12-slim"),
        ("ruby:3.4", "ruby:3.4-slim"),
        ("eclipse-temurin:21-jdk-alpine", "eclipse-temurin:21-jre-alpine"),
    ],
)
def test_the_smaller_variant_has_the_name_that_its_makers_gave_it(base: str, smaller: str) -> None:
    (finding,) = caught(heavy_base, f"FROM {base}\n")
    assert finding.hint == f"try {smaller}"


def test_headers_alone_are_only_a_remark() -> None:
    (finding,) = caught(build_tools_shipped, f"FROM debian:12\n{APT} libpq-dev\nCMD app\n")
    assert finding.level is Level.INFO
    (finding,) = caught(build_tools_shipped, f"FROM debian:12\n{APT} libpq-dev gcc\nCMD app\n")
    assert finding.level is Level.WARNING


def test_an_image_that_is_used_twice_is_named_once() -> None:
    assert len(caught(base_without_version, "FROM node AS a\nFROM node\nCOPY --from=node /a /b\n")) == 1


WITH_DEV = 'package.json 9 644 {"devDependencies": {"jest": "1"}}'


@pytest.mark.parametrize("command", ["npm ci", "npm install", "yarn install --frozen-lockfile", "pnpm i"])
def test_development_dependencies_in_the_final_stage_are_caught(command: str) -> None:
    assert caught(dev_dependencies_shipped, f"FROM node:22\nRUN {command}\n", context=WITH_DEV)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("FROM node:22\nRUN npm ci --omit=dev\n", WITH_DEV),
        ("FROM node:22\nRUN npm ci && npm run build && npm prune --omit=dev\n", WITH_DEV),
        ("FROM node:22\nENV NODE_ENV=production\nRUN npm ci\n", WITH_DEV),
        ("FROM node:22\nRUN NODE_ENV=production npm ci\n", WITH_DEV),
        ("FROM node:22\nRUN yarn install --production\n", WITH_DEV),
        ("FROM node:22\nRUN npm install -g serve\n", WITH_DEV),
        ("FROM node:22 AS dev\nRUN npm ci\n", WITH_DEV),
        ("FROM node:22 AS b\nRUN npm ci\nFROM nginx:1.29\nCOPY --from=b /a /a\n", WITH_DEV),
        ("FROM node:22\nRUN npm ci\n", 'package.json 9 644 {"devDependencies": {}}'),
        ("FROM node:22\nRUN npm ci\n", None),
    ],
)
def test_installs_without_development_dependencies_are_not_caught(text: str, context: str | None) -> None:
    assert caught(dev_dependencies_shipped, text, context=context) == []
