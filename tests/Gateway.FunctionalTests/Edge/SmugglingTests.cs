using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Gateway.FunctionalTests.Proxying;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>
/// Requests on which two servers might disagree where they end. Whatever the gateway makes of one, the workspace sees one well-formed request or none, and
/// the next user of the connection between them is not touched.
/// </summary>
public sealed partial class SmugglingTests
{
    private const string Inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    private static readonly Dictionary<string, string> Shapes = new()
    {
        ["CL.TE"] = Post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + Inner),
        ["CL.TE, both complete"] = Post($"Content-Length: {5 + Inner.Length}\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + Inner),
        ["TE.CL"] = Post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", $"{Inner.Length:x}\r\n{Inner}\r\n0\r\n\r\n"),
        ["TE.TE identity after"] = Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + Inner),
        ["TE.TE identity before"] = Post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + Inner),
        ["TE.TE x after"] = Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "0\r\n\r\n" + Inner),
        ["TE.TE list"] = Post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n" + Inner),
        ["TE.TE twice chunked"] = Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n" + Inner),
        ["TE misspelt"] = Post("Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n", "abc" + Inner),
        ["TE space before colon"] = Post("Transfer-Encoding : chunked\r\nContent-Length: 3\r\n", "abc" + Inner),
        ["TE tab value"] = Post("Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n", "0\r\n\r\n" + Inner),
        ["TE vertical tab"] = Post("Transfer-Encoding:\u000bchunked\r\nContent-Length: 3\r\n", "0\r\n\r\n" + Inner),
        ["TE folded"] = Post("Transfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n" + Inner),
        ["TE quoted"] = Post("Transfer-Encoding: \"chunked\"\r\nContent-Length: 3\r\n", "0\r\n\r\n" + Inner),
        ["TE in HTTP/1.0"] = "POST /first HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + Inner,
        ["TE bare LF"] = "POST /first HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + Inner,
        ["Two lengths"] = Post("Content-Length: 3\r\nContent-Length: 40\r\n", "abc" + Inner),
        ["Two equal lengths"] = Post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
        ["Length list"] = Post("Content-Length: 3, 40\r\n", "abc" + Inner),
        // The server reads it as 3, and that is what goes up; only a server before us could think otherwise.
        ["Length with plus"] = Post("Content-Length: +3\r\n", "abc"),
        ["Length negative"] = Post("Content-Length: -1\r\n", "abc" + Inner),
        ["Length hexadecimal"] = Post("Content-Length: 0x3\r\n", "abc" + Inner),
        ["Length too large"] = Post("Content-Length: 99999999999999999999\r\n", "abc" + Inner),
        ["Length with space inside"] = Post("Content-Length: 3 6\r\n", "abc" + Inner),
        ["Length empty"] = Post("Content-Length:\r\n", "abc" + Inner),
        ["Chunk extension"] = Post("Transfer-Encoding: chunked\r\n", "3;a=b;c=\"d\"\r\nabc\r\n0\r\n\r\n"),
        ["Chunk extension with LF"] = Post("Transfer-Encoding: chunked\r\n", "3;a\nb\r\nabc\r\n0\r\n\r\n" + Inner),
        ["Chunk extension with bare CR"] = Post("Transfer-Encoding: chunked\r\n", "3;a\rb\r\nabc\r\n0\r\n\r\n" + Inner),
        ["Chunk size with bare LF"] = Post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n" + Inner),
        ["Chunk size overflow"] = Post("Transfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n" + Inner),
        ["Chunk size with prefix"] = Post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n" + Inner),
        ["Chunk size negative"] = Post("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n" + Inner),
        ["Chunk longer than said"] = Post("Transfer-Encoding: chunked\r\n", "3\r\nabcdef\r\n0\r\n\r\n" + Inner),
        ["Chunk data not ended"] = Post("Transfer-Encoding: chunked\r\n", "3\r\nabcX0\r\n\r\n" + Inner),
        ["Chunks without an end"] = Post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"),
        ["Trailer that frames"] = Post("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "0\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ["Trailer folded"] = Post("Transfer-Encoding: chunked\r\n", "0\r\nX: y\r\n z\r\n\r\n"),
        ["Bare LF everywhere"] = "GET /first HTTP/1.1\nHost: a\n\n" + Inner,
        ["Bare CR in value"] = "GET /first HTTP/1.1\r\nHost: a\r\nX: y\rZ: z\r\n\r\n",
        ["Folded header"] = "GET /first HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
        ["Folded first header"] = "GET /first HTTP/1.1\r\n Host: a\r\n\r\n",
        ["NUL in value"] = "GET /first HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
        ["NUL in name"] = "GET /first HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
        ["NUL in target"] = "GET /fir\0st HTTP/1.1\r\nHost: a\r\n\r\n",
        ["Empty name"] = "GET /first HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        ["Line without colon"] = "GET /first HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
        ["Two hosts"] = "GET /first HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        ["No host"] = "GET /first HTTP/1.1\r\n\r\n",
        ["Space in target"] = "GET /first HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
        ["CRLF in target, encoded"] = "GET /first%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n",
        ["Version unknown"] = "GET /first HTTP/1.9\r\nHost: a\r\n\r\n",
        ["Version 0.9"] = "GET /first\r\n\r\n",
        ["Method with CR"] = "GE\rT /first HTTP/1.1\r\nHost: a\r\n\r\n",
        ["GET with a body"] = "GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        ["Upgrade to h2c"] = "GET /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ["Connection names our headers"] = "GET /first HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, CDN-Loop\r\n\r\n",
        ["Length named by Connection"] = Post("Connection: Content-Length\r\nContent-Length: 3\r\n", "abc"),
        ["Expect with a body at once"] = Post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"),
        ["A hundred thousand bytes of one header"] = $"GET /first HTTP/1.1\r\nHost: a\r\nX: {new string('x', 100_000)}\r\n\r\n",
        ["Ten thousand headers"] = "GET /first HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Range(0, 10_000).Select(static i => $"X{i}: y\r\n")) + "\r\n",
        ["Address of a hundred thousand bytes"] = $"GET /{new string('x', 100_000)} HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    public static TheoryData<string> Names => [.. Shapes.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task WorkspaceSeesOneWellFormedRequestOrNone(string shape)
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await RawClient.SendAsync(gateway.Port, Shapes[shape]);
        // On whatever connection is left between the two, as another user's request.
        var after = await RawClient.AskAsync(gateway.Port, "GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        var requests = seen.ToList();
        Assert.StartsWith("GET /after HTTP/1.1\r\n", requests[^1], StringComparison.Ordinal);
        Assert.EndsWith("ok", after, StringComparison.Ordinal);
        Assert.InRange(requests.Count, 1, 2);
        Assert.All(requests, AssertWellFormed);
        Assert.DoesNotContain(requests, static request => request.StartsWith("GET /smuggled", StringComparison.Ordinal));
        Assert.DoesNotContain(500, RawClient.StatusesIn(answer));
    }

    [Fact]
    public async Task PipelinedRequests_AreRequestsEach()
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await RawClient.AskAsync(gateway.Port, Post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n") + Post("Content-Length: 3\r\n", "abc") + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Equal([200, 200, 200], RawClient.StatusesIn(answer));
        Assert.Equal(3, seen.Count);
        Assert.All(seen, AssertWellFormed);
    }

    private static string Post(string headers, string body) => $"POST /first HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}";

    internal static void AssertWellFormed(string request)
    {
        var head = request[..request.IndexOf("\r\n\r\n", StringComparison.Ordinal)];
        var lines = head.Split("\r\n");
        Assert.Matches(RequestLine(), lines[0]);
        Assert.All(lines.Skip(1), static line => Assert.Matches(Field(), line));
        var names = lines.Skip(1).Select(static line => line[..line.IndexOf(':', StringComparison.Ordinal)].ToLowerInvariant()).ToList();
        Assert.Single(names, "host");
        Assert.InRange(names.Count(static name => name is "content-length" or "transfer-encoding"), 0, 1);
        Assert.DoesNotContain("http2-settings", names);
        Assert.Single(names, "x-forwarded-for");
        Assert.Single(names, "cdn-loop");
    }

    [GeneratedRegex(@"\A[A-Z]+ /[^\x00-\x20\x7f]* HTTP/1\.1\z", RegexOptions.CultureInvariant)]
    private static partial Regex RequestLine();

    [GeneratedRegex(@"\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\x00-\x08\x0a-\x1f\x7f]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Field();
}
