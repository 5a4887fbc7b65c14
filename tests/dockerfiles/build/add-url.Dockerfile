ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD $URL/file.txt /dir/
ADD $URL/file.txt /renamed
ADD $URL/deep/path/file.txt?query=1 /query/
ADD --chown=5:6 --chmod=755 $URL/tool /bin/tool
ADD $URL/redirect /redirected/
