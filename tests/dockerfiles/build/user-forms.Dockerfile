ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
USER 1000
USER app:staff
USER 5:6
USER nobody-here
