import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

export async function backup(bucket, key, rows) {
  await new S3Client({}).send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: JSON.stringify(rows) }));
}
