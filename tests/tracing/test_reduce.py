"""From traces to facts: recorded ones, and small ones that show a single rule."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.tracing.reduce import Before, reduce
from fastbuild.tracing.strace import TraceError

if TYPE_CHECKING:
    from fastbuild.tracing.deeds import Facts

RECORDINGS = Path(__file__).parent / "recordings"
START = ['1 execve("/usr/sbin/runc", [...], 0x1) = 0', '1 pivot_root(".", ".") = 0']
START += ['1 execve("/bin/sh", [...], 0x1 /* 2 vars */) = 0']
END = ["1 +++ exited with 0 +++"]
BEFORE = Before(
    folders={
        "/": ["app", "bin", "link", "srv"],
        "/app": ["a", "b", "lib", "up"],
        "/app/lib": ["x", "y"],
        "/bin": ["sh", "su"],
        "/srv": [],
    },
    links={"/link": "app/lib", "/app/up": "../srv"},
    mounts=("/mnt",),
    privileged=frozenset({"/bin/su"}),
    cwd="/app",
    filtered=True,
)


def facts(*lines: str, before: Before = BEFORE) -> Facts:
    """The facts of a RUN, without those of its shell."""
    found = reduce([*START, *(f"1 {line}" for line in lines), *END], before)
    found.read.discard("/bin/sh")
    return found


def test_a_real_shell() -> None:
    before = Before(
        folders={
            "/": ["app", "bin"],
            "/bin": ["sh", "cat"],
            "/app": ["Dockerfile", "Dockerfile2", "a.txt", "lib", "way", 'odd "(é), <1>'],
            "/app/lib": ["deep", "y"],
            "/app/lib/deep": ["x"],
        },
        links={"/app/way": "lib/deep"},
        cwd="/app",
    )
    found = reduce((RECORDINGS / "shell.strace").read_text().splitlines(), before)
    files = {path for path in found.read if path.startswith("/app/")}
    folders = {"/app/lib", "/app/lib/deep"}
    assert files - folders == {"/app/a.txt", '/app/odd "(é), <1>', "/app/way", "/app/lib/y"}
    made = {"/app/list", "/app/lib/deep/out", "/app/d", "/app/f", "/app/l"}
    assert {path for path in found.absent if path.startswith("/app/")} == {"/app/missing", *made}
    assert found.written == {*made, "/app/lib/y", "/app/a.txt"}
    assert {"/app", "/app/lib"} == {path for path in found.listed if path.startswith("/app")}


def test_a_real_program_executed_by_a_thread() -> None:
    before = Before(
        folders={"/": ["etc", "bin", "usr"], "/etc": ["debian_version"], "/bin": ["sh", "cat"], "/usr": []},
        links={},
    )
    found = reduce((RECORDINGS / "thread.strace").read_text().splitlines(), before)
    assert "/etc/debian_version" in found.read
    assert "/bin/cat" in found.programs


def test_relative_paths_follow_the_working_directory() -> None:
    found = facts('chdir("lib") = 0', 'access("x", R_OK) = 0', 'chdir("..") = 0', 'access("b", R_OK) = 0')
    assert found.read == {"/app/lib", "/app/lib/x", "/app", "/app/b"}


def test_a_child_starts_where_its_parent_was_when_it_forked() -> None:
    lines = ["1 vfork( <unfinished ...>", '2 access("a", R_OK) = 0', "2 +++ exited with 0 +++"]
    lines += ["1 <... vfork resumed>) = 5 /* 2 in strace's PID NS */"]
    lines += ["1 fork( <unfinished ...>", "1 <... fork resumed>) = 6 /* 3 in strace's PID NS */"]
    lines += ['1 chdir("/app/lib") = 0', '3 access("b", R_OK) = 0', "3 +++ exited with 0 +++"]
    found = reduce([*START, *lines, *END], BEFORE)
    assert found.read == {"/bin/sh", "/app/a", "/app/b", "/app/lib"}


def test_threads_share_their_working_directory() -> None:
    lines = ["1 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD}, 88) = 5 /* 2 in strace's PID NS */"]
    lines += ['2 chdir("/app/lib") = 0', '1 access("x", R_OK) = 0', "2 +++ exited with 0 +++"]
    assert "/app/lib/x" in reduce([*START, *lines, *END], BEFORE).read


def test_a_thread_id_that_is_used_again_is_another_process() -> None:
    lines = ["1 fork() = 5 /* 2 in strace's PID NS */", '2 chdir("/") = 0', "2 +++ exited with 0 +++"]
    lines += ["1 fork() = 6 /* 2 in strace's PID NS */", '2 access("a", R_OK) = 0', "2 +++ exited with 0 +++"]
    assert "/app/a" in reduce([*START, *lines, *END], BEFORE).read


def test_links_are_read_and_followed() -> None:
    found = facts('access("/link/x", R_OK) = 0', 'lstat("/app/up", {}) = 0', 'stat("/link/../b", {}) = 0')
    assert found.read == {"/link", "/app/lib/x", "/app/up", "/app/b"}


def test_links_that_the_run_makes_are_followed_too() -> None:
    found = facts(
        'symlink("app", "/new") = 0', 'access("/new/a", R_OK) = 0', 'access("/new/no", R_OK) = -1 ENOENT (x)'
    )
    assert (found.read, found.absent, found.written) == ({"/app/a"}, {"/new", "/app/no"}, {"/new"})


def test_the_first_missing_part_is_what_is_absent() -> None:
    found = facts(
        'stat("/app/no/such/file", 0x1) = -1 ENOENT (No)', 'stat("/app/a/b", 0x1) = -1 ENOTDIR (No)'
    )
    assert found.absent == {"/app/no", "/app/a/b"}


def test_what_the_run_made_is_its_own() -> None:
    create = 'openat(AT_FDCWD</app>, "n/f", O_WRONLY|O_CREAT, 0666) = 3</app/n/f>'
    read = 'openat(AT_FDCWD</app>, "n/f", O_RDONLY) = 3</app/n/f>'
    listed = "getdents64(3</app/n>, 0x1 /* 2 entries */, 32768) = 48"
    found = facts('mkdir("n", 0777) = 0', create, read, listed, 'stat("n/g", 0x1) = -1 ENOENT (No)')
    assert (found.read, found.absent, found.listed) == (set(), {"/app/n"}, set())
    assert found.written == {"/app/n", "/app/n/f"}


def test_what_the_run_removed_is_missing_by_its_own_doing() -> None:
    found = facts('unlink("a") = 0', 'stat("a", 0x1) = -1 ENOENT (No)')
    assert (found.written, found.absent) == ({"/app/a"}, set())


def test_a_folder_that_is_renamed_takes_its_files_along() -> None:
    found = facts(
        'rename("lib", "moved") = 0', 'access("moved/x", R_OK) = 0', 'access("lib/x", R_OK) = -1 ENOENT (N)'
    )
    old, new = (
        {f"/app/lib{end}" for end in ("", "/x", "/y")},
        {f"/app/moved{end}" for end in ("", "/x", "/y")},
    )
    assert found.written == old | new
    assert found.read == old
    assert found.absent == {"/app/moved"}


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD</app>, "a", O_WRONLY|O_APPEND) = 3</app/a>',
        'openat(AT_FDCWD</app>, "a", O_RDWR) = 3</app/a>',
        'chmod("a", 0600) = 0',
        'fchownat(AT_FDCWD</>, "/app/a", 5, 6, AT_SYMLINK_NOFOLLOW) = 0',
        "fchmod(3</app/a>, 0600) = 0",
        "utimensat(3</app/a>, NULL, NULL, 0) = 0",
        'setxattr("/app/a", "user.x", ""..., 1, 0) = 0',
        'truncate("a", 0) = 0',
    ],
)
def test_changing_a_file_is_writing_and_reading_it(line: str) -> None:
    found = facts(line)
    assert ("/app/a" in found.written, "/app/a" in found.read) == (True, True)


def test_a_hard_link_changes_its_source() -> None:
    assert facts('link("a", "c") = 0').written == {"/app/a", "/app/c"}


def test_a_temporary_file_without_a_name_gets_one() -> None:
    temporary = r'openat(AT_FDCWD</app>, ".", O_RDWR|O_TMPFILE, 0600) = 3</app/#12>(deleted)'
    named = 'linkat(AT_FDCWD</app>, "/proc/self/fd/3", AT_FDCWD</app>, "n", AT_SYMLINK_FOLLOW) = 0'
    assert facts(temporary, named).written == {"/app/n"}


def test_descriptors_of_folders_lead_their_paths() -> None:
    assert "/app/lib/x" in facts('openat(4</app/lib>, "x", O_RDONLY) = 5</app/lib/x>').read


def test_the_files_that_the_engine_mounts_are_left_out() -> None:
    found = facts(
        'openat(AT_FDCWD</app>, "/dev/null", O_WRONLY|O_CREAT, 0666) = 3</dev/null>',
        'openat(AT_FDCWD</app>, "/etc/resolv.conf", O_RDONLY) = 3</etc/resolv.conf>',
        'openat(AT_FDCWD</app>, "/proc/self/status", O_RDONLY) = 3</proc/1/status>',
        'stat("/sys/none", 0x1) = -1 ENOENT (No)',
    )
    assert (found.read, found.absent, found.written) == (set(), set(), set())


def test_a_file_opened_through_proc_is_the_file_itself() -> None:
    found = facts(
        'openat(AT_FDCWD</app>, "/dev/fd/5", O_RDONLY) = 3</app/lib/x>',
        'stat("/proc/self/cwd/a", {}) = 0',
        'stat("/proc/self/root/app/b", {}) = 0',
    )
    assert found.read == {"/app/lib/x", "/app/a", "/app/b"}


def test_below_a_mount_the_paths_are_taken_as_they_are() -> None:
    found = facts(
        'openat(AT_FDCWD</app>, "/mnt/in", O_RDONLY) = 3</mnt/in>',
        'openat(AT_FDCWD</app>, "/mnt/out", O_WRONLY|O_CREAT, 0666) = 3</mnt/out>',
        'stat("/mnt/no/such", 0x1) = -1 ENOENT (No)',
    )
    assert (found.read, found.absent, found.written) == (
        {"/mnt/in", "/mnt/out"},
        {"/mnt/no/such"},
        {"/mnt/out"},
    )


def test_a_socket_is_looked_for_and_made() -> None:
    found = facts(
        'connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/srv/none"}, 110) = -1 ENOENT (No)',
        'bind(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="s"}, 110) = 0',
        "connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(1)}, 16) = 0",
    )
    assert (found.absent, found.written) == ({"/srv/none", "/app/s"}, {"/app/s"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ptrace(PTRACE_TRACEME) = -1 EPERM (No)", "ptrace"),
        ("io_uring_setup(8, {}) = 5", "io_uring"),
        ('chroot("/app") = 0', "chroot"),
        ('mount("a", "b", "ext4", 0, NULL) = 0', "mount"),
        ("unshare(CLONE_NEWNS) = 0", "unshare"),
        ('stat("/proc/17/cwd/a", {}) = 0', "another process"),
        ('renameat2(AT_FDCWD</app>, "a", AT_FDCWD</app>, "b", RENAME_EXCHANGE) = 0', "exchanges"),
        ('newcall("/app/a") = 0', "newcall"),
        ('unlinkat(3, "a", 0) = 0', "directory is not known"),
    ],
)
def test_what_can_not_be_followed_is_refused(line: str, reason: str) -> None:
    with pytest.raises(TraceError, match=reason):
        facts(line)


@pytest.mark.parametrize(
    "line",
    [
        "io_uring_setup(8, {}) = -1 EPERM (No)",
        'chroot("/") = 0',
        "unshare(CLONE_FILES) = 0",
        'mount("a", "b", "ext4", 0, NULL) = -1 EPERM (No)',
        'openat(AT_FDCWD</app>, "a", O_RDONLY) = ? ERESTARTSYS (To be restarted)',
    ],
)
def test_what_has_no_effect_is_accepted(line: str) -> None:
    assert facts(line).read == set()


def test_a_failed_run_has_no_facts() -> None:
    with pytest.raises(TraceError, match="the RUN failed"):
        reduce([*START, "1 +++ exited with 3 +++"], BEFORE)


def test_a_trace_that_ends_too_early_has_no_facts() -> None:
    with pytest.raises(TraceError, match="before the last process"):
        reduce([*START, 'access("a", R_OK) = 0'][:3], BEFORE)


def test_a_trace_without_its_container_has_no_facts() -> None:
    with pytest.raises(TraceError, match="start of the container"):
        reduce([START[0], *END], BEFORE)


def test_a_lost_parent_is_noticed() -> None:
    with pytest.raises(TraceError, match="parent"):
        reduce([*START, '9 access("a", R_OK) = 0', "9 +++ exited with 0 +++", *END], BEFORE)


def test_a_write_cut_off_by_death_is_noticed() -> None:
    lines = [
        "1 fork() = 5 /* 2 in strace's PID NS */",
        '2 unlink("a" <unfinished ...>',
        "2 +++ killed by SIGKILL +++",
    ]
    with pytest.raises(TraceError, match="middle of unlink"):
        reduce([*START, *lines, *END], BEFORE)


def test_a_thread_of_the_runtime_may_die_in_an_unknown_call() -> None:
    dying = ["9 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---", "9 ???( <unfinished ...>"]
    lines = [START[0], "1 clone(flags=CLONE_FS) = 9", *dying, "9 +++ exited with 0 +++", *START[1:]]
    assert "/app/a" in reduce([*lines, '1 access("a", R_OK) = 0', *END], BEFORE).read


def test_a_process_of_the_run_may_not() -> None:
    lines = ["1 fork() = 9", "9 ???( <unfinished ...>", "9 +++ killed by SIGKILL +++"]
    with pytest.raises(TraceError, match=re.escape("???")):
        reduce([*START, *lines, *END], BEFORE)


def test_a_child_may_begin_with_a_signal() -> None:
    lines = ["1 fork( <unfinished ...>", "2 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---"]
    lines += ['2 access("a", R_OK) = 0', "1 <... fork resumed>) = 5 /* 2 in strace's PID NS */"]
    assert "/app/a" in reduce([*START, *lines, "2 +++ exited with 0 +++", *END], BEFORE).read


def test_a_look_cut_off_by_death_counts() -> None:
    lines = ["1 fork() = 5 /* 2 in strace's PID NS */", '2 open("a", O_RDONLY <unfinished ...>']
    lines += ["2 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---"]
    assert "/app/a" in reduce([*START, *lines, "2 +++ killed by SIGTERM +++", *END], BEFORE).read


def test_a_setuid_program_of_another_user_is_refused_where_it_has_no_rights() -> None:
    lines = ("setresuid(1000, 1000, 1000) = 0", 'execve("/bin/su", [...], 0x1) = 0')
    with pytest.raises(TraceError, match="setuid"):
        facts(*lines)
    assert "/bin/su" in facts(*lines, before=replace(BEFORE, filtered=False)).read
    assert "/bin/su" in facts(lines[1]).read
    back = ("setresuid(-1, 1000, -1) = 0", "setresuid(-1, 0, -1) = 0", "setresuid(1, -1, 1) = 0")
    assert "/bin/su" in facts(*back, lines[1]).read


def test_a_setuid_program_that_the_run_made_counts_as_well() -> None:
    create = 'openat(AT_FDCWD</app>, "p", O_WRONLY|O_CREAT, 0666) = 3</app/p>'
    with pytest.raises(TraceError, match="setuid"):
        facts(create, "fchmod(3</app/p>, 04755) = 0", "setuid(7) = 0", 'execve("p", [...], 0x1) = 0')
