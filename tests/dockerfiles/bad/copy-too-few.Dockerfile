FROM alpine
COPY a
ADD ["x"]
COPY a <<EOF
x
EOF
