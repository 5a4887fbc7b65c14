# build-context: tools=oci-layout://@LAYOUT@:busybox-1
FROM tools
COPY --from=tools /no/such /
