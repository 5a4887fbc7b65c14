FROM alpine
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
CMD a | b
ENTRYPOINT exec c
HEALTHCHECK CMD d
RUN e
