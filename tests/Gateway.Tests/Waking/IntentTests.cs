using Gateway.Identity;
using Gateway.Waking;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Waking;

public sealed class IntentTests
{
    [Theory]
    [InlineData("GET", "navigate", nameof(WakeRight.Freely))]
    [InlineData("GET", "cors", nameof(WakeRight.WithinBudget))]
    [InlineData("GET", "no-cors", nameof(WakeRight.WithinBudget))]
    [InlineData("HEAD", "same-origin", nameof(WakeRight.WithinBudget))]
    [InlineData("POST", "cors", nameof(WakeRight.Freely))]
    [InlineData("DELETE", "same-origin", nameof(WakeRight.Freely))]
    [InlineData("GET", "", nameof(WakeRight.Freely))]
    public void Page_WakesFreelyByNavigationsAndChangesOnly(string method, string mode, string right) =>
        Assert.Equal(right, Of(IdentitySchemes.Cookie, method, mode).Right.ToString());

    [Fact]
    public void Prefetch_IsNotANavigation() =>
        Assert.Equal(WakeRight.WithinBudget, Of(IdentitySchemes.Cookie, "GET", "navigate", request => request.Headers["Sec-Purpose"] = "prefetch;prerender").Right);

    [Fact]
    public void ProgramWithAToken_MeansWhateverItSends() =>
        Assert.Equal(WakeRight.Freely, Of(IdentitySchemes.Bearer, "GET", "cors").Right);

    [Fact]
    public void SocketOfAPage_WakesWithinTheBudgetAndCountsByItsData()
    {
        var intent = Of(IdentitySchemes.Cookie, "GET", "websocket", AsSocket);

        Assert.Equal((WakeRight.WithinBudget, true, false, true), (intent.Right, intent.IsSocket, intent.CountsAsUse, intent.DataCounts));
    }

    [Fact]
    public void SocketOfATerminalClient_WakesFreely() =>
        Assert.Equal(WakeRight.Freely, Of(IdentitySchemes.Bearer, "GET", "", AsSocket).Right);

    [Theory]
    [InlineData("/monitor", nameof(WakeRight.Never))]
    [InlineData("/monitor/deep", nameof(WakeRight.Never))]
    [InlineData("/monitored", nameof(WakeRight.Freely))]
    public void MonitorPath_NeverWakesWithAllBelowIt(string path, string right)
    {
        var intent = Of(IdentitySchemes.Bearer, "GET", "", request => request.Path = path);

        Assert.Equal((right, right == nameof(WakeRight.Freely)), (intent.Right.ToString(), intent.DataCounts));
    }

    private static Intent Of(string scheme, string method, string mode, Action<HttpRequest>? more = null)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = "/";
        context.Request.Headers["Sec-Fetch-Mode"] = mode;
        more?.Invoke(context.Request);
        return Intent.Of(context.Request, scheme != IdentitySchemes.Cookie, ["/monitor"]);
    }

    private static void AsSocket(HttpRequest request)
    {
        request.Headers.Connection = "Upgrade";
        request.Headers.Upgrade = "websocket";
    }
}
