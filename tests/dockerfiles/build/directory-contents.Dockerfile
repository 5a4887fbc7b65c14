FROM scratch
COPY dir /app
COPY dir/ /slash/
COPY dir/sub/. /dot/
COPY empty /empty
