FROM localhost:5000/busybox:1
WORKDIR /etc/passwd
