# masktalk on processors: docker build -t masktalk . (docs/howto/containers.md)
FROM python:3.12-slim AS build
COPY . /src
RUN python -m venv /opt/masktalk \
 && /opt/masktalk/bin/pip install --no-cache-dir --no-compile "/src[server,c2pa]" \
 && /opt/masktalk/bin/pip uninstall --yes pip

FROM python:3.12-slim
LABEL org.opencontainers.image.title="masktalk" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Any face and any speech in, that face speaking out"
COPY --from=build /opt/masktalk /opt/masktalk
# The only folders that are written to; everything else may be read-only.
RUN useradd --uid 10001 --no-create-home --home-dir /cache masktalk \
 && mkdir /cache /models /data /app \
 && chown masktalk /cache /models /data /app
ENV PATH=/opt/masktalk/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MASKTALK_CACHE=/cache \
    XDG_CONFIG_HOME=/cache/config
USER 10001
VOLUME ["/cache", "/models", "/data"]
WORKDIR /app
EXPOSE 8765
ENTRYPOINT ["masktalk"]
CMD ["--help"]
