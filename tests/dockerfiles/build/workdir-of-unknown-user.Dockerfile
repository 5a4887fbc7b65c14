FROM localhost:5000/busybox:1
USER ghost
COPY a.txt /a
USER 77
WORKDIR /of/77
USER app:staff
WORKDIR /of/staff
