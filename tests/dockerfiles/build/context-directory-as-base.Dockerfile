# build-context: more=other
FROM more
COPY a.txt /
