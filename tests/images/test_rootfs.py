from __future__ import annotations

import gzip
import io
import marshal
import struct

import pytest

from fastbuild.errors import EngineError
from fastbuild.images.entries import Kind, read_layer
from tests.images.archives import digest, files, layer, member


def test_a_later_layer_replaces_an_entry_and_all_that_belongs_to_it() -> None:
    found = files(
        layer(member("a", content=b"old", mode=0o600, uid=1, gid=2, xattrs={"user.x": "1"})),
        layer(member("./a", content=b"new", mode=0o4755)),
    )
    entry = found["/a"]
    assert (entry.mode, entry.uid, entry.gid, entry.xattrs) == (0o4755, 0, 0, ())
    assert (entry.digest, entry.size, entry.layer) == (digest(b"new"), 3, 1)


def test_of_two_entries_of_one_name_in_a_layer_the_last_counts() -> None:
    found = files(layer(member("a", content=b"1"), member("a", "link", linkname="b")))
    assert (found["/a"].kind, found["/a"].target) == (Kind.SYMLINK, "b")


def test_a_whiteout_removes_a_file_and_a_directory_with_all_below() -> None:
    found = files(
        layer(member("d", "dir"), member("d/sub", "dir"), member("d/sub/f"), member("dd"), member("f")),
        layer(member(".wh.d"), member(".wh.f"), member(".wh.never-there")),
    )
    assert set(found) == {"/dd"}


def test_a_whiteout_spares_its_own_layer_wherever_it_stands() -> None:
    found = files(
        layer(member("f", content=b"1"), member("d", "dir"), member("d/old")),
        layer(member("f", content=b"2"), member(".wh.f"), member("d/new"), member("d/.wh..wh..opq")),
    )
    assert set(found) == {"/f", "/d", "/d/new"}
    assert found["/f"].digest == digest(b"2")


def test_an_opaque_directory_hides_what_it_held_and_keeps_itself() -> None:
    found = files(
        layer(member("d", "dir", mode=0o700), member("d/a", "dir"), member("d/a/b"), member("e")),
        layer(member("d/.wh..wh..opq")),
    )
    assert set(found) == {"/d", "/e"}
    assert found["/d"].mode == 0o700


def test_an_opaque_root_hides_everything() -> None:
    assert set(files(layer(member("a"), member("d/b")), layer(member(".wh..wh..opq"), member("c")))) == {"/c"}


def test_bookkeeping_of_aufs_is_no_file() -> None:
    assert files(layer(member(".wh..wh.plnk", "dir"), member(".wh..wh.aufs"))) == {}


def test_a_file_in_place_of_a_directory_takes_what_was_below_with_it() -> None:
    found = files(layer(member("d", "dir"), member("d/f")), layer(member("d", content=b"x")))
    assert set(found) == {"/d"}
    assert found["/d"].kind is Kind.FILE


def test_a_directory_again_keeps_what_is_below_and_changes_its_mode() -> None:
    found = files(layer(member("d", "dir"), member("d/f")), layer(member("d", "dir", mode=0o1777)))
    assert found["/d"].mode == 0o1777
    assert "/d/f" in found


def test_hard_links_are_a_group_whichever_name_came_first() -> None:
    one = files(layer(member("a", content=b"x", mode=0o4755, uid=7), member("b", "hard", linkname="a")))
    other = files(layer(member("b", content=b"x", mode=0o4755, uid=7), member("a", "hard", linkname="./b")))
    assert one == other
    assert one["/a"].links == ("/b",)
    assert one["/b"].links == ("/a",)
    assert one["/b"].mode == 0o4755


def test_equal_copies_are_no_hard_links() -> None:
    linked = files(layer(member("a", content=b"x"), member("b", "hard", linkname="a")))
    assert linked != files(layer(member("a", content=b"x"), member("b", content=b"x")))


def test_replacing_one_of_two_hard_links_leaves_the_other_alone() -> None:
    found = files(
        layer(member("a", content=b"x"), member("b", "hard", linkname="a")), layer(member("a", content=b"y"))
    )
    assert found["/a"].links == found["/b"].links == ()
    assert found["/b"].digest == digest(b"x")


def test_a_hard_link_to_nothing_is_an_error() -> None:
    with pytest.raises(EngineError, match="hard link to /gone"):
        files(layer(member("b", "hard", linkname="gone")))


def test_devices_and_pipes() -> None:
    found = files(
        layer(
            member("null", "char", devmajor=1, devminor=3),
            member("disk", "block", devmajor=8, devminor=1),
            member("pipe", "fifo", mode=0o600),
        )
    )
    assert (found["/null"].kind, found["/null"].device) == (Kind.CHARACTER, (1, 3))
    assert (found["/disk"].kind, found["/disk"].device) == (Kind.BLOCK, (8, 1))
    assert found["/pipe"].kind is Kind.FIFO


def test_extended_attributes_are_bytes() -> None:
    value = b"\x01\x00\x00\x02\xff\n=".decode("utf-8", "surrogateescape")
    found = files(layer(member("f", xattrs={"user.b": "2", "security.capability": value})))
    assert found["/f"].xattrs == (("security.capability", b"\x01\x00\x00\x02\xff\n="), ("user.b", b"2"))


def test_a_path_below_a_symlink_lands_where_the_link_leads() -> None:
    found = files(
        layer(
            member("usr/bin", "dir"),
            member("bin", "link", linkname="/usr/bin"),
            member("b", "link", linkname="bin"),
        ),
        layer(member("bin/tool", content=b"t"), member("b/other"), member("usr/bin/gone")),
        layer(member("bin/.wh.gone")),
    )
    assert set(found) == {"/usr", "/usr/bin", "/bin", "/b", "/usr/bin/tool", "/usr/bin/other"}
    assert found["/bin"].kind is Kind.SYMLINK


def test_a_symlink_can_not_lead_out_of_the_image() -> None:
    found = files(layer(member("up", "link", linkname="../../etc"), member("up/passwd")))
    assert "/etc/passwd" in found


def test_symlinks_in_a_circle_are_an_error() -> None:
    with pytest.raises(EngineError, match="circle"):
        files(layer(member("a", "link", linkname="b"), member("b", "link", linkname="a"), member("a/x")))


def test_a_name_that_leads_out_is_an_error() -> None:
    with pytest.raises(EngineError, match="leads out"):
        files(layer(member("../evil")))


def test_parents_that_no_layer_names_are_ordinary_directories() -> None:
    found = files(layer(member("a/b/c")))
    assert [(found[path].kind, found[path].mode) for path in ("/a", "/a/b")] == [(Kind.DIRECTORY, 0o755)] * 2


def test_names_that_are_not_utf_8_stay_apart() -> None:
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert set(files(layer(member(odd), member("café")))) == {f"/{odd}", "/café"}


def test_a_gzip_layer_reads_like_a_plain_one() -> None:
    blob = layer(member("a", content=b"x" * 5000))
    assert files(blob) == files(gzip.compress(blob))


def test_zstd_is_named_in_the_error() -> None:
    with pytest.raises(EngineError, match="layer 0 is compressed with zstd"):
        files(b"\x28\xb5\x2f\xfd" + bytes(100))


@pytest.mark.parametrize("cut", [300, 700, 2500])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_truncated_layer_is_an_error(pack: type[bytes], cut: int) -> None:
    blob = pack(layer(member("a", content=bytes(range(256)) * 20)))
    with pytest.raises(EngineError, match="layer 0"):
        files(blob[: min(cut, len(blob) - 12)])


def pyc(mtime: int, flags: int = 0, code: object = "code", magic: bytes = b"\xa7\r\r\n") -> bytes:
    return magic + struct.pack("<III", flags, mtime, 99) + marshal.dumps(code)


def compiled(content: bytes, name: str = "m.pyc") -> str:
    return files(layer(member(name, content=content)))[f"/{name}"].digest


def test_the_sources_time_in_a_pyc_does_not_count() -> None:
    assert compiled(pyc(1)) == compiled(pyc(2))


def test_anything_else_in_a_pyc_does() -> None:
    assert compiled(pyc(1)) != compiled(pyc(1, code="other"))
    assert compiled(pyc(1)) != compiled(pyc(1, magic=b"\xcb\r\r\n"))
    assert compiled(pyc(1, flags=1)) != compiled(pyc(2, flags=1)), "there it is a hash of the source"
    assert compiled(pyc(1), "data.bin") != compiled(pyc(2), "data.bin")
    assert compiled(b"tiny1") != compiled(b"tiny2")


def test_times_do_not_count() -> None:
    one = read_layer(io.BytesIO(layer(member("a", mtime=1))), "one")
    assert one == read_layer(io.BytesIO(layer(member("a", mtime=2))), "other")
