FROM alpine
ARG uid=1000
USER $uid:${gid:-100}
USER name
USER "quoted"
