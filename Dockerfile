# docker build -t modulon . && docker run --rm modulon selftest
# docker run -v modulon-worker:/var/lib/modulon modulon worker --coordinator ADDR#KEY
# tests/deploy/rootfs.sh runs these steps on a bare Debian root, without docker. It knows FROM, WORKDIR, USER,
# COPY and RUN as they are used here.
FROM debian:12-slim AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
       cmake ninja-build gcc libc6-dev pkg-config libsodium-dev libcjson-dev libuv1-dev nettle-dev libsqlite3-dev \
       libfftw3-dev libmbedtls-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release -DMODULON_TESTS=OFF \
    && cmake --build --preset release --target modulon \
    && cmake --install build/release --prefix /usr/local --strip

FROM debian:12-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
       libsodium23 libcjson1 libuv1 libnettle8 libsqlite3-0 libfftw3-double3 libmbedtls14 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/modulon modulon
COPY --from=build /usr/local /usr/local
USER modulon
WORKDIR /var/lib/modulon
VOLUME /var/lib/modulon
STOPSIGNAL SIGTERM
ENTRYPOINT ["modulon"]
