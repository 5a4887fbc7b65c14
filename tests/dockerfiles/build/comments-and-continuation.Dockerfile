# a comment
FROM scratch

COPY a.txt \
  # between
  b.txt \

  /dir/
ENV A=1 \
    B=2
