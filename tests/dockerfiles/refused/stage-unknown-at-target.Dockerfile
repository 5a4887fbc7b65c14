# target: midle
FROM scratch AS middle
COPY a.txt /
