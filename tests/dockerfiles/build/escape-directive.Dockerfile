# escape=`
FROM scratch
COPY `
  a.txt `
  b.txt `
  C:\dir/
