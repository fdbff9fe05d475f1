# Builds the binary `holdfast`, and an image that holds little else.
#
#   docker build -t holdfast .
#   docker run -p 8080:8080 -v holdfast:/data holdfast
FROM rust:1.95.0-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin holdfast

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --no-create-home holdfast \
    && install -d -o holdfast -g holdfast -m 0700 /data
COPY --from=build /build/target/release/holdfast /usr/local/bin/holdfast
# A numeric user, so that a cluster which refuses root can see that this is not root.
USER 10001
WORKDIR /data
VOLUME /data
# Inside a container loopback reaches nobody. The database stays in the volume unless told otherwise.
ENV HOLDFAST__SERVER__LISTEN=0.0.0.0:8080 \
    HOLDFAST__DATABASE__URL=sqlite:/data/holdfast.db
EXPOSE 8080
ENTRYPOINT ["holdfast"]
CMD ["serve"]
