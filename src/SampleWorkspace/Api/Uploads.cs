using System.Buffers;
using System.Security.Cryptography;

namespace SampleWorkspace.Api;

/// <summary>How many uploads this process was sent, the cut ones too: whoever sends one twice is found out.</summary>
internal sealed class UploadCount
{
    private int _count;

    public int Value => Volatile.Read(ref _count);

    public int Add() => Interlocked.Increment(ref _count);
}

internal static class Uploads
{
    public static async Task ReceiveAsync(HttpContext context)
    {
        var number = context.RequestServices.GetRequiredService<UploadCount>().Add();
        var (sha256, length) = await BodyHash.ReadAsync(context);
        await Json.WriteAsync(context, new UploadAnswer(sha256, length, number));
    }

    public static Task CountAsync(HttpContext context) =>
        Json.WriteAsync(context, new UploadCountAnswer(context.RequestServices.GetRequiredService<UploadCount>().Value));
}

internal static class BodyHash
{
    public static async Task<(string Sha256, long Length)> ReadAsync(HttpContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            long length = 0;
            int read;
            while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
            {
                hash.AppendData(buffer, 0, read);
                length += read;
            }

            return (Convert.ToHexStringLower(hash.GetHashAndReset()), length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
