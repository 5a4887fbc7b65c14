FROM scratch
COPY --parents --exclude=**/deep dir /a
COPY --parents --exclude=*.txt dir/sub /b
