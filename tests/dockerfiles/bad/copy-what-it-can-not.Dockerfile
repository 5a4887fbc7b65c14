FROM alpine
COPY https://example.com/x /x
COPY git@github.com:a/b.git /y
COPY --link --chown=app a /z
