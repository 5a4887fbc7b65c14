FROM scratch
COPY dir dir/sub closed /x/
COPY sticky closed /x/
