FROM scratch
COPY owned /owned
COPY owned/file /file
