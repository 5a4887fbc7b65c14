ARG REGISTRY=localhost:5000
FROM $REGISTRY/settings:1
CMD new
HEALTHCHECK CMD ["/check", "it"]
SHELL ["/bin/bash", "-c"]
CMD newer
