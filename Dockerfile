# A container image with pcapconv: docs/how-to/container.md shows how to build and use it.
FROM docker.io/library/python:3.13-trixie AS build
# The version, as in a tag: git is not in the context. Without it, the version is 0.0.
ARG VERSION=""
# Extras to install, separated by commas, such as filter,remote.
ARG EXTRAS=""
WORKDIR /source
COPY . .
RUN if [ -n "$VERSION" ]; then export SETUPTOOLS_SCM_PRETEND_VERSION_FOR_PCAPCONV="${VERSION#v}"; fi \
    && python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# Of this environment only the programs and packages are needed: no pip, no manual pages.
RUN python -m venv --without-pip /opt/pcapconv \
    && wheel=$(echo /wheels/*.whl) \
    && python -m pip --python /opt/pcapconv/bin/python install --no-cache-dir "$wheel${EXTRAS:+[$EXTRAS]}" \
    && rm -rf /opt/pcapconv/share

FROM docker.io/library/python:3.13-slim-trixie
ARG VERSION=""
LABEL org.opencontainers.image.title="pcapconv" \
      org.opencontainers.image.description="Convert packet captures between pcap and pcapng, and lose nothing silently" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /opt/pcapconv /opt/pcapconv
ENV PATH=/opt/pcapconv/bin:$PATH
RUN PCAPCONV_KERNELS=compiled pcapconv --version
USER 65532:65532
WORKDIR /captures
ENTRYPOINT ["pcapconv"]
CMD ["--help"]
