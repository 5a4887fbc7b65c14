FROM scratch
COPY ../../../../outside.txt /
