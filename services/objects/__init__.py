"""Object stores with the interface of S3, Google Cloud Storage or Azure: what api and worker share to reach one."""
