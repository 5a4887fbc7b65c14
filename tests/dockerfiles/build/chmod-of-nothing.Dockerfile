FROM scratch
COPY --chmod=u+ a.txt /
