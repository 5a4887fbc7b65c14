# build-context: tools=oci-layout://@LAYOUT@:busybox-1
FROM tools
COPY --from=tools /etc/group /group
COPY a.txt /opt/link/
