# target: MIDDLE
FROM scratch AS Middle
COPY a.txt /
FROM scratch
