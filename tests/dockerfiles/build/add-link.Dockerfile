ARG URL=http://localhost:8000
FROM localhost:5000/busybox:1
ARG URL
ADD --link archives/files.tar /opt/there/
ADD --link --chmod=711 $URL/file.txt /linked/
ADD --link a.txt dir /linked/
COPY --link --parents dir/sub/*.txt /p/
COPY --link --chmod=u=rwx,go= closed /closed
