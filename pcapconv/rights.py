"""The rights of a file that takes the place of another one: owner, group, permissions, ACL, extended attributes.

Strategy: the new file has no rights for anybody but its owner until all else is set. What the system does not let us
keep makes the new file narrower, never wider: where an ACL is lost, its mask, which stands where the group's
permissions do, must not become the group's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from struct import iter_unpack

ACL = "system.posix_acl_access"
# The attributes that say whose a file is and what for. Others vouch for its bytes, or are the system's own.
_KEPT = ("user.", "security.selinux", "system.nfs4_acl", "system.richacl")
_NONE = (errno.ENODATA, errno.ENOTSUP)  # what is said of an attribute that is not there, or that cannot be
_GROUP_OBJECT, _MASK = 0x04, 0x10  # tags of an ACL's entries


def copy_rights(path: str, file: int) -> None:
    """Give an open file, which only its owner may open so far, the rights of the file at this path. Raises OSError
    where these cannot be read, or the permissions cannot be set."""
    old = os.stat(path)
    mode = stat.S_IMODE(old.st_mode)
    try:
        os.chown(file, old.st_uid, old.st_gid)
    except OSError:
        mode = _without_the_owner(file, old.st_gid, mode & ~(stat.S_ISUID | stat.S_ISGID))
    if hasattr(os, "listxattr"):
        acl = _acl(path)
        if not _set_acl(file, acl) and acl is not None:
            mode = _without_the_acl(mode, acl)
        _copy_attributes(path, file)
    os.chmod(file, mode)


def _without_the_owner(file: int, group: int, mode: int) -> int:
    """The mode for a file whose owner cannot be kept. If its group cannot either, group and others may do only what
    both could before."""
    try:
        os.chown(file, -1, group)
    except OSError:
        both = mode >> 3 & mode & 0o007
        return mode & ~0o077 | both << 3 | both
    return mode


def _acl(path: str) -> bytes | None:
    try:
        return os.getxattr(path, ACL)
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return None


def _set_acl(file: int, acl: bytes | None) -> bool:
    """Give a file this ACL, or none, whatever its folder had it inherit; whether that was possible."""
    try:
        if acl is None:
            os.removexattr(file, ACL)
        else:
            os.setxattr(file, ACL, acl)
    except OSError as error:
        if acl is None and error.errno not in _NONE:  # permissions would be those of the folder's default ACL
            raise
        return False
    return True


def _without_the_acl(mode: int, acl: bytes) -> int:
    """The mode of a file whose ACL is lost: the group may do what the ACL let it do, not all that its mask says."""
    entries: dict[int, int] = {tag: permissions for tag, permissions, _ in iter_unpack("<HHI", acl[4:])}
    group = entries.get(_GROUP_OBJECT, 0) & entries.get(_MASK, 0o7)
    return mode & ~0o070 | group << 3


def _copy_attributes(path: str, file: int) -> None:
    with contextlib.suppress(OSError):  # the file system has none
        for name in os.listxattr(path):
            if name.startswith(_KEPT):
                with contextlib.suppress(OSError):  # only the administrator may set it
                    os.setxattr(file, name, os.getxattr(path, name))
