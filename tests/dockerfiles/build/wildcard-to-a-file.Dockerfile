FROM scratch
COPY *.txt /file
