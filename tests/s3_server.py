"""A real S3 server on the loopback interface, and buckets in it. `conftest` offers both to all tests."""

import logging
import os
import uuid
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from folders import LEASE, MANIFEST


def aws(service: str) -> Any:
    """A client of the server, independent of fsspec."""
    return import_module("boto3").client(service)


class Bucket:
    """A bucket that keeps all versions of its objects, so that a test can tell how often each was written."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.name = f"bucket-{uuid.uuid4().hex}"
        self.s3 = aws("s3")
        self.s3.create_bucket(Bucket=self.name)
        self.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def url(self, name: str) -> str:
        return f"s3://{self.name}/{name}"

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=data)

    def fill(self, prefix: str, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            self.put(f"{prefix}/{name}", data)

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())

    def listed(self) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.name).get("Contents", ())]

    def tree(self, prefix: str) -> dict[str, bytes]:
        """All objects below the prefix but the manifest and its lease."""
        found = [key for key in self.listed() if key.startswith(f"{prefix}/") and not key.endswith((MANIFEST, LEASE))]
        return {key.removeprefix(f"{prefix}/"): self.get(key) for key in found}

    def manifest(self, prefix: str) -> bytes:
        return self.get(f"{prefix}/{MANIFEST}")

    def versions(self, prefix: str) -> dict[str, int]:
        """How often each object below the prefix was written, but for manifest and lease; no upload is under way."""
        assert self.s3.list_multipart_uploads(Bucket=self.name).get("Uploads", []) == []
        written: dict[str, int] = {}
        for each in self.s3.list_object_versions(Bucket=self.name).get("Versions", ()):
            if each["Key"].startswith(f"{prefix}/") and not each["Key"].endswith((MANIFEST, LEASE)):
                name = each["Key"].removeprefix(f"{prefix}/")
                written[name] = written.get(name, 0) + 1
        return written


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server on the loopback interface, to which all of the process, and those that it starts, talk."""
    from moto.server import ThreadedMotoServer

    log = logging.getLogger("werkzeug")
    before = log.level
    log.setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith("AWS_"):
                    patch.delenv(name)
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_CONFIG_FILE", os.devnull)
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            patch.setenv("NO_PROXY", "*")
            import_module("s3fs").S3FileSystem.clear_instance_cache()  # which knows the server of another module
            yield f"http://{host}:{port}"
    finally:
        moto.stop()
        log.setLevel(before)


@pytest.fixture
def bucket(server: str) -> Bucket:
    return Bucket(server)
