# Only what requirements.txt pins, with its hashes, and our own code: nothing is built here, and nothing of pip is needed to run it.
FROM python:3.11-slim AS build
COPY requirements.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r /requirements.txt \
    && /venv/bin/pip uninstall --yes pip setuptools
COPY bot /app/bot
COPY handlers /app/handlers
COPY storage /app/storage
RUN /venv/bin/python -m compileall -q /app

FROM python:3.11-slim
COPY --from=build /venv /venv
COPY --from=build /app /app
# the only folder that is written to, and only with SQLite
RUN mkdir /data && chown 10001:10001 /data
VOLUME /data
WORKDIR /app
USER 10001:10001
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV DATABASE_URL=sqlite:////data/numberdesk.db POLICY_FILE=/etc/numberdesk/policy.toml PORT=3000
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "import http.client, os, sys; ask = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); ask.request('GET', '/healthz'); sys.exit(ask.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
