from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.finding import Level
from fastbuild.analysis.rules import (
    download_piped_to_shell,
    remote_add_unverified,
    root_user,
    secret_file_copied,
    secret_in_command,
    secret_in_variable,
    unencrypted_download,
    verification_off,
)
from tests.analysis.rules.catching import case, caught, name_of, text_of

if TYPE_CHECKING:
    from fastbuild.analysis.rule import Rule

GITHUB = "gh" + "p_" + "a1B2" * 9
AMAZON = "AKI" + "A" + "Z7Y6" * 4

CATCHES = [
    case(root_user, "CMD app"),
    case(root_user, "USER app", "RUN true", "USER root", "CMD app"),
    case(root_user, "USER 0:0", "ENTRYPOINT app"),
    case(root_user, "FROM scratch", "COPY app /", 'ENTRYPOINT ["/app"]'),
    case(root_user, "FROM debian:12 AS b", "CMD app", "FROM b"),
    case(secret_in_variable, "ARG NPM_TOKEN"),
    case(secret_in_variable, "ENV DB_PASSWORD=hunter2"),
    case(secret_in_variable, "ENV A=1 AWS_SECRET_ACCESS_KEY=$KEY"),
    case(secret_in_variable, "ARG api_key=x"),
    case(secret_in_variable, "ARG SSH_PRIVATE_KEY"),
    case(secret_in_command, "RUN git clone https://me:hunter22@example.com/a/b.git"),
    case(secret_in_command, "ADD https://me:hunter22@example.com/a.tgz /a"),
    case(secret_in_command, "ENV DATABASE=postgres://app:tr0ub4dor@db/app"),
    case(secret_in_command, f"RUN git clone https://{GITHUB}@github.com/a/b"),
    case(secret_in_command, f"RUN aws configure set aws_access_key_id {AMAZON}"),
    case(secret_in_command, "RUN echo //registry.npmjs.org/:_authToken=0123456789abcdef > .npmrc"),
    case(secret_file_copied, "COPY .env /app/"),
    case(secret_file_copied, "COPY config/.env.production /app/.env"),
    case(secret_file_copied, "ADD id_rsa /root/.ssh/id_rsa"),
    case(secret_file_copied, "COPY .aws/credentials /root/.aws/credentials"),
    case(remote_add_unverified, "ADD https://example.com/a.tgz /a"),
    case(remote_add_unverified, "ADD http://example.com/a /a"),
    case(remote_add_unverified, "ADD https://github.com/a/b.git /src"),
    case(remote_add_unverified, "ADD git@github.com:a/b.git#main /src"),
    case(download_piped_to_shell, "RUN curl -sSL https://example.com/install | sudo bash -s -- -y"),
    case(download_piped_to_shell, "RUN wget -qO- https://example.com/install \\", "  | sh"),
    case(download_piped_to_shell, "RUN bash <(curl -s https://example.com/install)"),
    case(download_piped_to_shell, 'RUN sh -c "$(curl -fsSL https://example.com/install)"'),
    case(verification_off, "RUN curl -k https://example.com/a -o a"),
    case(verification_off, "RUN curl --insecure -O https://example.com/a"),
    case(verification_off, "RUN wget --no-check-certificate https://example.com/a"),
    case(verification_off, "RUN apt-get install -y --allow-unauthenticated a"),
    case(
        verification_off,
        "RUN echo 'deb [arch=amd64 trusted=yes] https://example.com /' > /etc/apt/sources.list.d/a",
    ),
    case(verification_off, "RUN apk add --allow-untrusted a.apk"),
    case(verification_off, "ENV NODE_TLS_REJECT_UNAUTHORIZED=0"),
    case(verification_off, "RUN npm config set strict-ssl false"),
    case(verification_off, "RUN git config --global http.sslVerify false"),
    case(unencrypted_download, "RUN curl -O http://downloads.example.com/tool"),
    case(unencrypted_download, 'RUN wget "http://downloads.example.com/tool-$V"'),
]

CATCHES_NOT = [
    case(root_user, "USER app", "CMD app"),
    case(root_user, "USER root", "RUN true", "USER 1000:1000", "CMD app"),
    case(root_user, "RUN true"),
    case(root_user, "FROM nginx:1.29", "CMD nginx"),
    case(root_user, "FROM registry.example.com/app:1", "CMD app"),
    case(root_user, "FROM gcr.io/distroless/static:nonroot", "CMD app"),
    case(root_user, "FROM scratch", "COPY --from=b /a /a"),
    case(root_user, "USER root", 'ENTRYPOINT ["gosu", "app", "/run"]'),
    case(root_user, "FROM debian:12 AS b", "USER app", "FROM b", "CMD app"),
    case(secret_in_variable, "ENV DB_PASSWORD_FILE=/run/secrets/db"),
    case(secret_in_variable, "ENV DB_PASSWORD="),
    case(secret_in_variable, "ARG TOKEN_URL=https://example.com"),
    case(secret_in_variable, "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D"),
    case(secret_in_variable, "ENV PUBLIC_API_KEY=1"),
    case(secret_in_variable, "ENV MYSQL_ALLOW_EMPTY_PASSWORD=yes"),
    case(secret_in_variable, "ENV AUTHOR=me KEYBOARD=us"),
    case(secret_in_command, "RUN git clone https://me:$TOKEN@example.com/a/b.git"),
    case(secret_in_command, "RUN git clone https://me:${TOKEN}@example.com/a/b.git"),
    case(secret_in_command, "RUN git clone ssh://git@example.com:22/a/b.git"),
    case(secret_in_command, "ENV URL=http://user:password@example.com"),
    case(secret_in_command, "RUN curl http://example.com:8080/a@b"),
    case(secret_in_command, "RUN echo _authToken=$NPM_TOKEN > .npmrc"),
    case(secret_in_command, "RUN npm install left-pad@1.3.0"),
    case(secret_file_copied, "COPY .env.example /app/.env"),
    case(secret_file_copied, "COPY id_rsa.pub /root/.ssh/"),
    case(secret_file_copied, "COPY . /app"),
    case(secret_file_copied, "COPY ca.pem /etc/ssl/"),
    case(secret_file_copied, "COPY .npmrc /app/"),
    case(secret_file_copied, "COPY --from=a .env /app"),
    case(remote_add_unverified, f"ADD --checksum=sha256:{'0' * 64} https://example.com/a /a"),
    case(remote_add_unverified, "ADD https://github.com/a/b.git#v1.0.0 /src"),
    case(remote_add_unverified, "ADD https://github.com/a/b.git?tag=v1 /src"),
    case(remote_add_unverified, "ADD a.tgz /a"),
    case(download_piped_to_shell, "RUN curl https://example.com/v1.2.3/install.sh | sh"),
    case(download_piped_to_shell, "RUN curl https://example.com/$TOOL_VERSION/install.sh | sh"),
    case(download_piped_to_shell, "RUN curl -fsSL https://example.com/key | gpg --dearmor -o /k"),
    case(download_piped_to_shell, "RUN curl -fsSL https://example.com/a.tgz | tar xz"),
    case(download_piped_to_shell, "RUN curl -o a.sh https://example.com/a && cat a.sh | sh"),
    case(download_piped_to_shell, "RUN curl -s https://example.com/a | sha256sum -c"),
    case(verification_off, "RUN curl -fsSL https://example.com/a -o a"),
    case(verification_off, "RUN curl -k https://localhost:8443/health"),
    case(verification_off, "RUN curl -kO https://example.com/a && echo 0 a | sha256sum -c -"),
    case(verification_off, "RUN tar -k -xf a.tar"),
    case(verification_off, "RUN wget -k https://example.com/a"),
    case(verification_off, "ENV NODE_TLS_REJECT_UNAUTHORIZED=1"),
    case(unencrypted_download, "RUN curl -O https://example.com/tool"),
    case(unencrypted_download, "RUN curl http://localhost:8080/health"),
    case(unencrypted_download, "RUN curl http://registry:5000/v2/"),
    case(unencrypted_download, "RUN curl -O http://example.com/a && echo 0 a | sha256sum -c -"),
    case(unencrypted_download, "RUN echo http://example.com > /mirror"),
]


@pytest.mark.parametrize(("rule", "lines"), CATCHES, ids=name_of)
def test_it_is_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines))


@pytest.mark.parametrize(("rule", "lines"), CATCHES_NOT, ids=name_of)
def test_it_is_not_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines)) == []


def test_an_explicit_root_is_worse_than_none() -> None:
    (finding,) = caught(root_user, "FROM debian:12\nUSER app\nUSER root\nCMD app\n")
    assert (finding.level, finding.start) == (Level.WARNING, 3)
    (finding,) = caught(root_user, "FROM debian:12\nCMD app\n")
    assert (finding.level, finding.start) == (Level.INFO, 1)


def test_where_a_secret_can_be_read_depends_on_whether_its_stage_is_shipped() -> None:
    text = "FROM a AS b\nARG TOKEN\nFROM a\nARG TOKEN\nENV TOKEN=x\nCOPY --from=b /a /a\n"
    messages = [finding.message.rpartition(" in ")[2] for finding in caught(secret_in_variable, text)]
    assert messages == ["the build's records", "the image's history", "the image's configuration"]


def test_an_address_is_named_as_it_is_written() -> None:
    (finding,) = caught(remote_add_unverified, "FROM a\nARG V\nADD https://a.example/v$V/b?token=x /b\n")
    assert finding.message == "nothing checks what https://a.example/v$V/b delivers"


def test_no_finding_repeats_the_secret() -> None:
    text = (
        f"FROM a\nRUN git clone https://{GITHUB}@github.com/a/b\nRUN curl https://me:hunter22@a.example/b\n"
    )
    found = caught(secret_in_command, text)
    assert len(found) == 2
    assert not any(secret in repr(each) for each in found for secret in (GITHUB, "hunter22"))


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ("a.py\n.env 20", ".env"),
        ("a.py\nkeys/server.key 40 600 -----BEGIN RSA PRIVATE KEY-----", "keys/server.key"),
        ("a.js\n.npmrc 40 644 //registry.npmjs.org/:_authToken=abcdef", ".npmrc"),
        ("a.py\n.env\n.netrc", ".env and 1 more"),
    ],
)
def test_secret_files_within_a_broad_copy_are_found_in_the_context(context: str, named: str) -> None:
    (finding,) = caught(secret_file_copied, "FROM a\nCOPY . /app\n", context=context)
    assert finding.message.startswith(f"{named} can be read")


def test_a_secret_file_in_a_stage_that_is_not_shipped_is_a_remark_about_the_cache() -> None:
    (finding,) = caught(secret_file_copied, "FROM a AS b\nCOPY .env /\nFROM a\nCOPY --from=b /x /x\n")
    assert finding.level is Level.INFO
    assert "build cache" in finding.message


@pytest.mark.parametrize(
    "context",
    [
        "a.py\n.env.example",
        "ca.pem 40 644 -----BEGIN CERTIFICATE-----",
        ".npmrc 40 644 //registry.npmjs.org/:_authToken=${NPM_TOKEN}",
        "tests/fixtures/server.key 40 600 -----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_files_without_secrets_are_not(context: str) -> None:
    assert caught(secret_file_copied, "FROM a\nCOPY . /app\n", context=context) == []
