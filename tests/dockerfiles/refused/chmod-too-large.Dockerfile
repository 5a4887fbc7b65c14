FROM scratch
COPY --chmod=77777 a.txt /
