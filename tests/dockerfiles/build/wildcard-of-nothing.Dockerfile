FROM scratch
COPY a.txt *.nothing /
