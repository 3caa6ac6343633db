"""The rights of a file that takes the place of another one, and what becomes of them where they cannot be kept."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import pytest
import wire

import pcapconv
from pcapconv import FileError
from pcapconv.cli import run

CAPTURE = wire.pcap_header() + wire.pcap_record(1, 2, b"four")
ACL = "system.posix_acl_access"
DEFAULT_ACL = "system.posix_acl_default"
NOBODY = 0xFFFFFFFF
OWNER, USER, GROUP, MASK, OTHER = 1, 2, 4, 16, 32  # tags of acl(5), as the kernel has them in the attribute


def acl(*entries: tuple[int, int, int]) -> bytes:
    return pack("<I", 2) + b"".join(pack("<HHI", tag, permissions, who) for tag, permissions, who in entries)


# The group may do nothing; user 4242 may read. The mask, which `ls -l` shows as the group's permissions, is r--.
READER = acl((OWNER, 6, NOBODY), (USER, 4, 4242), (GROUP, 0, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY))
EVERYBODY = acl((OWNER, 7, NOBODY), (USER, 7, 4242), (GROUP, 7, NOBODY), (MASK, 7, NOBODY), (OTHER, 7, NOBODY))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in.pcap").write_bytes(CAPTURE)
    return tmp_path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def converted(folder: Path, name: str) -> None:
    pcapconv.convert(folder / "in.pcap", folder / name, to="pcapng", force=True)


def normalized(folder: Path, name: str) -> None:
    pcapconv.normalize(folder / "in.pcap", folder / name, force=True)


def split(folder: Path, name: str) -> None:
    pcapconv.split(folder / "in.pcap", folder / name.replace("1", "{index:1}"), max_packets=9, force=True)


def in_a_batch(folder: Path, name: str) -> None:
    (folder / "source").mkdir()
    (folder / "source" / name).write_bytes(CAPTURE)
    assert run(["batch", str(folder / "source"), str(folder), "--force", "-q"]) == 0


WAYS = [converted, normalized, split, in_a_batch]
Way = Callable[[Path, str], None]


@pytest.fixture
def old_target(folder: Path) -> Path:
    """A file that is going to be replaced."""
    path = folder / "x1.pcapng"
    path.write_bytes(b"old")
    return path


@pytest.mark.parametrize("way", WAYS)
def test_acl_and_attributes_are_kept(folder: Path, old_target: Path, way: Way) -> None:
    old_target.chmod(0o600)
    os.setxattr(old_target, ACL, READER)
    os.setxattr(old_target, "user.case", b"4711")
    way(folder, old_target.name)
    assert old_target.read_bytes() != b"old"
    assert os.getxattr(old_target, ACL) == READER
    assert mode_of(old_target) == 0o640
    assert os.getxattr(old_target, "user.case") == b"4711"


@pytest.mark.parametrize("way", WAYS[:3])
def test_where_an_acl_cannot_be_kept_its_mask_is_not_the_groups(
    folder: Path, old_target: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_target.chmod(0o600)
    os.setxattr(old_target, ACL, READER)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    way(folder, old_target.name)
    assert ACL not in os.listxattr(old_target)
    assert mode_of(old_target) == 0o600


@pytest.mark.parametrize("way", WAYS)
def test_the_folders_default_acl_opens_nothing_that_was_closed(folder: Path, old_target: Path, way: Way) -> None:
    old_target.chmod(0o640)
    os.setxattr(folder, DEFAULT_ACL, EVERYBODY)
    way(folder, old_target.name)
    assert ACL not in os.listxattr(old_target)
    assert mode_of(old_target) == 0o640


@pytest.mark.parametrize(("before", "after"), [(0o640, 0o600), (0o664, 0o644), (0o604, 0o600), (0o4775, 0o755)])
def test_where_the_group_cannot_be_kept_another_group_gets_no_more_than_all(
    folder: Path, old_target: Path, before: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_target.chmod(before)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    converted(folder, old_target.name)
    assert mode_of(old_target) == after


def test_where_the_group_cannot_be_kept_no_acl_speaks_for_another_one(
    folder: Path, old_target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_target.chmod(0o600)
    os.setxattr(old_target, ACL, READER)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    converted(folder, old_target.name)
    assert ACL not in os.listxattr(old_target)
    assert mode_of(old_target) == 0o600


@pytest.mark.parametrize("way", WAYS[:3])
def test_where_the_mode_cannot_be_set_the_file_is_its_owners_or_not_replaced(
    folder: Path, old_target: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_target.chmod(0o640)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    if way is split:  # parts are not private while nobody knows their names; their folder is
        with pytest.raises(FileError, match="its permissions cannot be as narrow"):
            way(folder, old_target.name)
        assert old_target.read_bytes() == b"old"
    else:
        way(folder, old_target.name)
        assert old_target.read_bytes() != b"old"
        assert mode_of(old_target) == 0o600


@pytest.mark.parametrize("way", WAYS[:3])
def test_rights_that_cannot_be_read_are_not_replaced(
    folder: Path, old_target: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_target.chmod(0o640)

    def refuse(*_: Any, **__: Any) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "getxattr", refuse)
    with pytest.raises(FileError, match="cannot create: input/output error"):
        way(folder, old_target.name)
    assert (old_target.read_bytes(), mode_of(old_target)) == (b"old", 0o640)


def test_where_only_the_owner_cannot_be_kept_the_group_is(
    folder: Path, old_target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_target.chmod(0o2660)
    chown = os.chown

    def refuse(file: int, owner: int, group: int) -> None:
        if owner != -1:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        chown(file, owner, group)

    monkeypatch.setattr(os, "chown", refuse)
    converted(folder, old_target.name)
    assert mode_of(old_target) == 0o660


def test_rights_that_were_taken_away_meanwhile_stay_away(folder: Path, old_target: Path) -> None:
    old_target.chmod(0o666)
    pcapconv.convert(folder / "in.pcap", old_target, force=True, progress=lambda _: old_target.chmod(0o600))
    assert mode_of(old_target) == 0o600


def test_a_new_file_gets_what_its_folder_gives(folder: Path) -> None:
    os.setxattr(folder, DEFAULT_ACL, READER)
    converted(folder, "new.pcapng")
    (folder / "plain").write_bytes(b"")
    assert os.getxattr(folder / "new.pcapng", ACL) == os.getxattr(folder / "plain", ACL)


def test_attributes_that_vouch_for_bytes_are_not_kept(
    folder: Path, old_target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(os, "listxattr", lambda _: ["security.ima", "security.capability", "trusted.x", "user.x"])
    monkeypatch.setattr(os, "setxattr", lambda _file, name, _value: said.append(name))
    os.setxattr(old_target, "user.x", b"")
    said.clear()
    real = os.getxattr
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"" if name == "user.x" else real(path, name))
    converted(folder, old_target.name)
    assert said == ["user.x"]
