FROM alpine
ENV a=1 \
  b=2
COPY <<EOF /x
one
EOF
CMD ["a"]
