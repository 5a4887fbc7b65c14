FROM scratch
HEALTHCHECK --interval=1h30m --retries=0 CMD ["a", "b"]
STOPSIGNAL 15
SHELL ["/x"]
HEALTHCHECK --timeout=500ms CMD exit 0
