"""Copies owner, group, permissions, ACL and extended attributes to the file that is going to replace another one.

Strategy: only the owner may use the new file until everything else is set. If the system refuses to copy a permission,
the new file gets narrower permissions, never wider ones: if an ACL cannot be copied, the mask of the ACL, which the
group's bits of the mode contain, must not become the group's permissions. On Windows, which has none of these, the new
file gets the permissions of its folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from struct import iter_unpack

ACL = "system.posix_acl_access"
# Attributes that describe a file's owner and use. Others are signatures of its bytes, or belong to the system.
_KEPT = ("user.", "security.selinux", "system.nfs4_acl", "system.richacl")
_NONE = (errno.ENODATA, errno.ENOTSUP)  # errors for an attribute that the file lacks or the system does not support
_GROUP_OBJECT, _MASK = 0x04, 0x10  # tags of an ACL's entries


def copy_permissions(path: str, file: int) -> None:
    """Give an open file the permissions of the file at this path, if that file still exists. Raises OSError if the
    permissions cannot be read, or if the open file would be open to more users."""
    if not hasattr(os, "chown"):  # on Windows
        return
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return
    _set_mode(file, stat.S_IRUSR | stat.S_IWUSR)
    mode = stat.S_IMODE(old.st_mode)
    acl = _acl(path) if hasattr(os, "listxattr") else None
    try:
        os.chown(file, old.st_uid, old.st_gid)
    except OSError:
        mode &= ~(stat.S_ISUID | stat.S_ISGID)
        if not _set_group(file, old.st_gid):  # group and others get only the permissions that both had before
            group = mode if acl is None else _without_the_acl(mode, acl)
            both = group >> 3 & mode & 0o007
            mode, acl = mode & ~0o077 | both << 3 | both, None
    if hasattr(os, "listxattr"):
        if not _set_acl(file, acl) and acl is not None:
            mode = _without_the_acl(mode, acl)
        _copy_attributes(path, file)
    _set_mode(file, mode)
    if os.fstat(file).st_mode & 0o077 & ~mode:
        raise PermissionError(errno.EPERM, "its permissions cannot be as narrow as those of the file that it replaces")


def _set_mode(file: int, mode: int) -> None:
    """Set the mode; errors are ignored."""
    with contextlib.suppress(OSError):
        os.chmod(file, mode)


def _set_group(file: int, group: int) -> bool:
    try:
        os.chown(file, -1, group)
    except OSError:
        return False
    return True


def _acl(path: str) -> bytes | None:
    try:
        return os.getxattr(path, ACL)
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return None


def _set_acl(file: int, acl: bytes | None) -> bool:
    """Replace the ACL that a file inherited from its folder by this one; remove it if `acl` is None. Return whether
    that was possible. Raises OSError if an inherited ACL cannot be removed."""
    try:
        if acl is None:
            os.removexattr(file, ACL)
        else:
            os.setxattr(file, ACL, acl)
    except OSError as error:
        if acl is None and error.errno not in _NONE:  # the folder's default ACL would give its permissions
            raise
        return False
    return True


def _without_the_acl(mode: int, acl: bytes) -> int:
    """Return the mode of a file whose ACL cannot be copied: the group gets the permissions that the ACL gave the group,
    not all those of the ACL's mask."""
    entries: dict[int, int] = {tag: permissions for tag, permissions, _ in iter_unpack("<HHI", acl[4:])}
    group = entries.get(_GROUP_OBJECT, 0) & entries.get(_MASK, 0o7)
    return mode & ~0o070 | group << 3


def _copy_attributes(path: str, file: int) -> None:
    with contextlib.suppress(OSError):  # the file system has no attributes
        for name in os.listxattr(path):
            if name.startswith(_KEPT):
                with contextlib.suppress(OSError):  # only the administrator may set it
                    os.setxattr(file, name, os.getxattr(path, name))
