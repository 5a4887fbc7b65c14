FROM alpine
COPY <<EOF /x
x
EOF